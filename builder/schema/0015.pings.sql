-- Pings are owed as purges are: to a WebSub hub and to search engines, named in the column cdn; at last they are given up.

ALTER TABLE live.debt
    DROP CONSTRAINT debt_kind_check,
    ADD CONSTRAINT debt_kind_check CHECK (kind IN ('purge', 'retirement', 'receipt', 'ping')),
    ADD COLUMN given_up boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN live.debt.cdn IS 'Whom it is owed to: a CDN of LECTERN_CDN, or websub, or indexnow.';
COMMENT ON COLUMN live.debt.what IS 'purge: names of one CDN; retirement, receipt: paths; ping: URLs.';
COMMENT ON COLUMN live.debt.given_up IS 'A ping that was refused for good, or not taken for a day: sent no more, and shown for a week.';
