SELECT time, "date" FROM d.t
