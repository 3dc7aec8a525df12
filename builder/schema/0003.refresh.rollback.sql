DROP TABLE live.refresh_picture, live.refresh_video, live.refresh_quota, live.refresh_host, live.refresh_source;

CREATE OR REPLACE FUNCTION catalog.raise_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'video' THEN
        NEW.text_hash := OLD.text_hash;
    END IF;
    IF NEW IS DISTINCT FROM OLD THEN
        NEW.version := OLD.version + 1;
    END IF;
    RETURN NEW;
END $$;
