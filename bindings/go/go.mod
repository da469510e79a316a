module example.org/chld

go 1.19
