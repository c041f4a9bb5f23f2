// The rows of the benchmarks in Go, for the tables in docs/BENCHMARKS.md.
//
//	go run . -list                              the names of the rows
//	go run . [-procs 2] [-row name] [-laps n]   one line for each row:
//
//	row procs wall_ns cpu_ns peak_kib
//
//	go run . -hogs burn -tasks 4 -ms 50 -procs 2    lateness of a ticker beside hogs:
//
//	p50_us p99_us max_us ticks
//
//	go run . -serve echo -procs 2                   a server that prints its port, until stdin ends
//
//	go run . -timers sleepers -tasks 1000000 -procs 2    how late timers are:
//
//	p50_us p99_us max_us cpu_s wall_s peak_mib
//
// wall_ns and cpu_ns are nanoseconds for each operation, peak_kib is the most memory the
// process had so far. A tenth of the laps is run first and not measured. What a lap and an
// operation are is said at the row of the same name under benches/rows.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A row: operations in a lap, laps in a round, and the work.
type row struct {
	name string
	lap  int
	laps int
	run  func(laps int)
}

func rows() []row {
	return slices.Concat(schedulerRows(), channelRows(), syncRows(), timerRows())
}

func main() {
	list := flag.Bool("list", false, "print the names of the rows")
	name := flag.String("row", "", "only this row")
	laps := flag.Int("laps", 0, "laps to measure; 0: the row's own number")
	procs := flag.Int("procs", 0, "GOMAXPROCS; 0: 1 and then 2")
	kind := flag.String("serve", "", "instead of rows, a server until stdin ends: echo, work or http")
	load := flag.String("hogs", "", "instead of rows, a ticker beside hogs: nothing, block or burn")
	clock := flag.String("timers", "", "instead of rows, how late timers are: sleepers, short_sleeps or ticker")
	tasks := flag.Int("tasks", 4, "how many hogs or timers")
	ms := flag.Int("ms", 50, "milliseconds that a hog takes at a time")
	length := flag.Duration("time", 3*time.Second, "how long hogs run")
	flag.Parse()
	if *load != "" {
		runtime.GOMAXPROCS(max(1, *procs))
		beside(*load, *tasks, time.Duration(*ms)*time.Millisecond, *length)
		return
	}
	if *kind != "" {
		runtime.GOMAXPROCS(max(1, *procs))
		serve(*kind)
		return
	}
	if *clock != "" {
		runtime.GOMAXPROCS(max(1, *procs))
		late(*clock, *tasks)
		return
	}
	for _, r := range rows() {
		if *list {
			fmt.Println(r.name)
		} else if *name == "" || *name == r.name {
			all(r, *laps, *procs)
		}
	}
}

func all(r row, laps, procs int) {
	if laps == 0 {
		laps = r.laps
	}
	if procs != 0 {
		measure(r, laps, procs)
		return
	}
	measure(r, laps, 1)
	measure(r, laps, 2)
}

func measure(r row, laps, procs int) {
	runtime.GOMAXPROCS(procs)
	r.run(max(1, laps/10))
	cpu, start := cpuTime(), time.Now()
	r.run(laps)
	wall := time.Since(start)
	cpu = cpuTime() - cpu
	operations := float64(laps * r.lap)
	fmt.Printf("%s %d %.3f %.3f %d\n", r.name, procs,
		float64(wall.Nanoseconds())/operations, float64(cpu.Nanoseconds())/operations, peakKib())
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// peakKib reads VmHWM; 0 where there is no /proc.
func peakKib() int {
	file, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kib, _ := strconv.Atoi(strings.Fields(rest)[0])
			return kib
		}
	}
	return 0
}

// check ends the program if the work was not done.
func check(ok bool, what string) {
	if !ok {
		panic(what)
	}
}
