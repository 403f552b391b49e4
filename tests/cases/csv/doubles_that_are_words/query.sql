SELECT s, isnan(d) AS is_nan, d > 0 AS is_more FROM d.t WHERE s <> 'nan' AND s <> 'signed' UNION ALL SELECT s, isnan(d), NULL FROM d.t WHERE s IN ('nan', 'signed') ORDER BY s
