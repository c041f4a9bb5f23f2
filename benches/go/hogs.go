package main

import (
	"fmt"
	"math"
	"math/rand"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"
)

const tick = time.Millisecond

// ticks is when the present sleep began, and how late the past ones were.
var ticks struct {
	sync.Mutex
	began time.Time
	late  []float64
}

func lateUs(began time.Time) float64 {
	return max(0, float64(time.Since(began)-tick)/1e3)
}

func ticker() {
	for {
		began := time.Now()
		ticks.Lock()
		ticks.began = began
		ticks.Unlock()
		time.Sleep(tick)
		late := lateUs(began)
		ticks.Lock()
		ticks.late = append(ticks.late, late)
		ticks.Unlock()
	}
}

// hog takes its time, and then yields or sleeps for less than a millisecond. To block is a
// blocking system call, since time.Sleep would only park the goroutine.
func hog(load string, length time.Duration) {
	for {
		if load == "block" {
			span := syscall.NsecToTimespec(length.Nanoseconds())
			syscall.Nanosleep(&span, nil)
		} else {
			for start := time.Now(); time.Since(start) < length; {
			}
		}
		if rand.Intn(2) == 0 {
			runtime.Gosched()
		} else {
			time.Sleep(time.Duration(rand.Intn(1_000)) * time.Microsecond)
		}
	}
}

// beside prints the lateness. The main goroutine waits in a system call, as the main thread
// of the other programs does, so that its own end does not depend on a timer of Go's.
func beside(load string, tasks int, length, total time.Duration) {
	go ticker()
	if load != "nothing" {
		for range tasks {
			go hog(load, length)
		}
	}
	span := syscall.NsecToTimespec(total.Nanoseconds())
	for syscall.Nanosleep(&span, &span) == syscall.EINTR {
	}
	report()
	os.Exit(0)
}

func report() {
	ticks.Lock()
	if late := lateUs(ticks.began); late > 0 {
		ticks.late = append(ticks.late, late)
	}
	slices.Sort(ticks.late)
	at := func(share float64) float64 {
		return ticks.late[int(math.Round(share*float64(len(ticks.late)-1)))]
	}
	fmt.Printf("%.1f %.1f %.1f %d\n", at(0.5), at(0.99), at(1), len(ticks.late))
}
