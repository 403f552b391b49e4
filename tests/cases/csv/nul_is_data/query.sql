SELECT replace(a, chr(0), '0') AS a, replace(b, chr(0), '0') AS b FROM d.t
