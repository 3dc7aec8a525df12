-- A long list of lectures is stored as it is: an edit writes ten of them, and packing one took longer than all else of that.

ALTER TABLE live.search_term ALTER COLUMN postings SET STORAGE EXTERNAL;
