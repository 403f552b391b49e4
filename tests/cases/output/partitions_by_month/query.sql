SELECT "at", CAST("month" AS VARCHAR) AS "month" FROM d.t ORDER BY "at"
