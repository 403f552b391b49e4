SELECT id, time, CAST("date" AS VARCHAR) AS "date", CAST("hour" AS BIGINT) AS "hour" FROM d.t ORDER BY id
