DROP TABLE live.search_term, live.search_video;
