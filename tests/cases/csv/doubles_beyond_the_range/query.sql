SELECT s, d = 'Infinity' AS is_inf, d = '-Infinity' AS is_minus, d = 0 AS is_zero FROM d.t
