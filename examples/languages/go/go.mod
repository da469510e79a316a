module example.org/children

go 1.19
