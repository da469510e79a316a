# The chart of the README, from the data that show.py writes.
set terminal svg size 900,420 font "sans-serif,11" background "white"
set output chart
set datafile separator "\t"
set datafile missing "NaN"
set style data histograms
set style histogram clustered gap 1
set style fill solid 0.9 noborder
set logscale y
set yrange [0.05:*]
set grid ytics lc rgb "#dddddd"
set border 3
set tics nomirror
set ylabel "times the cost of raw system calls"
set key outside right top
set xtics rotate by -18
plot for [i=2:last] data using i:xtic(1) title columnheader(i)
