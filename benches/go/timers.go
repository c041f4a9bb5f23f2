package main

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

const timersInLap = 50_000

// A timer with a function is one that Go keeps in its heap whether or not anybody listens.
func timerRows() []row {
	return []row{
		{"cancel_1", timersInLap, 20, cancels(1, 0)},
		{"cancel_8", timersInLap, 20, cancels(8, 0)},
		{"cancel_beside_10k", timersInLap, 20, cancels(1, 10_000)},
	}
}

func never() { panic("an hour is longer") }

func cancels(goroutines, beside int) func(laps int) {
	return func(laps int) {
		stay := make([]*time.Timer, beside)
		for number := range stay {
			stay[number] = time.AfterFunc(time.Hour+time.Duration(number)*time.Microsecond, never)
		}
		var done sync.WaitGroup
		done.Add(goroutines)
		for range goroutines {
			go func() {
				for number := range laps * timersInLap / goroutines {
					timer := time.AfterFunc(time.Hour+time.Duration(number), never)
					check(timer.Stop(), "an hour is longer")
				}
				done.Done()
			}()
		}
		done.Wait()
		for _, timer := range stay {
			timer.Stop()
		}
	}
}

func sleepers(count int) []float64 {
	late := make([]float64, count)
	var done sync.WaitGroup
	done.Add(count)
	seed := uint64(1)
	for number := range late {
		seed = seed*6_364_136_223_846_793_005 + 1
		length := time.Duration((seed >> 32) % 1_000_000_000)
		go func() {
			start := time.Now()
			time.Sleep(length)
			late[number] = max(0, float64(time.Since(start)-length)/1e3)
			done.Done()
		}()
	}
	done.Wait()
	return late
}

func shortSleeps(count int) []float64 {
	const length = 100 * time.Microsecond
	late := make([]float64, count)
	for number := range late {
		start := time.Now()
		time.Sleep(length)
		late[number] = max(0, float64(time.Since(start)-length)/1e3)
	}
	return late
}

// ticker tells lateness after multiples of the distance: what a channel of Go's ticker gives
// is when the tick was sent.
func tickerLateness(count int) []float64 {
	const distance = time.Millisecond
	start := time.Now()
	ticker := time.NewTicker(distance)
	defer ticker.Stop()
	late := make([]float64, count)
	for number := range late {
		<-ticker.C
		late[number] = math.Mod(float64(time.Since(start))/1e3, float64(distance)/1e3)
	}
	return late
}

func late(what string, count int) {
	cpu, start := cpuTime(), time.Now()
	var late []float64
	switch what {
	case "sleepers":
		late = sleepers(count)
	case "short_sleeps":
		late = shortSleeps(count)
	case "ticker":
		late = tickerLateness(count)
	default:
		panic("no such case")
	}
	wall := time.Since(start)
	cpu = cpuTime() - cpu
	slices.Sort(late)
	at := func(share float64) float64 {
		return late[int(math.Round(share*float64(len(late)-1)))]
	}
	fmt.Printf("%.1f %.1f %.1f %.3f %.3f %d\n", at(0.5), at(0.99), at(1),
		cpu.Seconds(), wall.Seconds(), peakKib()/1024)
}
