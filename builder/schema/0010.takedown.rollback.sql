DROP INDEX live.receipt_asked, live.release_writing;
DROP TABLE live.unnamed_asset, live.takedown;
