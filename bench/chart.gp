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
set key outside right top reverse Left noenhanced
colours = "#1b6ca8 #7fb3d5 #555555 #999999 #2e8b57 #c0392b #e08e0b #8e44ad #b5651d #d4b106"
do for [i=1:words(colours)] { set linetype i lc rgb word(colours, i) }
set xtics rotate by -18 noenhanced
set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead lc rgb "#000000" dt 2
plot for [i=2:last] data using i:xtic(1) title columnheader(i)
