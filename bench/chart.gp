# The chart of the README, from the data that show.py writes.
set terminal svg size 900,360 font "sans-serif,13" background "white"
set output chart
set datafile separator "\t"
set datafile missing "NaN"
set style data histograms
set style histogram clustered gap 1.5
set style fill solid 1.0 noborder
set logscale y
set yrange [0.1:*]
set grid ytics lc rgb "#e5e5e5"
set border 1
set tics nomirror scale 0
set bmargin 3
set format y "%gx"
set title "Time, compared with hand-written system calls (less is better)"
set key outside top center horizontal noenhanced
colours = "#1b6ca8 #9a9a9a #c9b458 #c77b5b #7f6a93"
do for [i=1:words(colours)] { set linetype i lc rgb word(colours, i) }
set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead lc rgb "#000000" dt 2 front
plot for [i=2:last] data using i:xtic(1) title columnheader(i)
