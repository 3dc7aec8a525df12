DELETE FROM live.debt WHERE kind = 'ping';
ALTER TABLE live.debt
    DROP CONSTRAINT debt_kind_check,
    ADD CONSTRAINT debt_kind_check CHECK (kind IN ('purge', 'retirement', 'receipt')),
    DROP COLUMN given_up;
COMMENT ON COLUMN live.debt.cdn IS NULL;
COMMENT ON COLUMN live.debt.what IS 'purge: names of one CDN; retirement, receipt: paths.';
