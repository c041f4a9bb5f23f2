package main

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Go has no foreign threads without cgo, so remote_spawn and remote_round_trip are absent.
// Where a row awaits a handle, a goroutine answers over a channel of capacity 1, made for
// it: that is how Go's users return a value.
func schedulerRows() []row {
	return []row{
		{"spawn_10k", 10_000, 40, bursts(10_000)},
		{"spawn_1m", 1_000_000, 1, bursts(1_000_000)},
		{"spawn_join", 1_000, 200, spawnJoin},
		{"spawn_join_batch", 1_000, 300, spawnJoinBatch},
		{"chained_spawn", 1_000, 500, chain},
		{"yield_many", 200_000, 10, yields(200, 1_000)},
		{"yield_10k", 200_000, 5, yields(10_000, 20)},
		{"yield_beside_10k", 10_000, 20, yieldBesideQueue},
		{"ping_pong_1000_pairs", 100_000, 6, func(laps int) {
			for range laps {
				pairs(0, 1_000, 100)
			}
		}},
		{"ping_pong_oneshot", 1_000, 100, oneshots},
		{"channel_2_tasks", 10_000, 25, func(laps int) { pairs(0, 1, laps*10_000) }},
		{"channel_2_tasks_cap1", 10_000, 25, func(laps int) { pairs(1, 1, laps*10_000) }},
		{"skynet", 1_000_000, 1, skynet},
		{"cpu_2us", 10_000, 5, work},
	}
}

func bursts(goroutines int) func(laps int) {
	return func(laps int) {
		var done sync.WaitGroup
		for range laps {
			done.Add(goroutines)
			for range goroutines {
				go func() { done.Done() }()
			}
			done.Wait()
		}
	}
}

func spawnJoin(laps int) {
	sum, count := 0, laps*1_000
	for i := range count {
		handle := make(chan int, 1)
		go func() { handle <- i }()
		sum += <-handle
	}
	check(sum == count*(count-1)/2, "a value is missing")
}

func spawnJoinBatch(laps int) {
	sum := 0
	handles := make([]chan int, 1_000)
	for range laps {
		for i := range handles {
			handle := make(chan int, 1)
			handles[i] = handle
			go func() { handle <- i }()
		}
		for _, handle := range handles {
			sum += <-handle
		}
	}
	check(sum == laps*499_500, "a value is missing")
}

func link(done *sync.WaitGroup, left int) {
	if left == 0 {
		done.Done()
		return
	}
	go link(done, left-1)
}

func chain(laps int) {
	var done sync.WaitGroup
	for range laps {
		done.Add(1)
		link(&done, 1_000)
		done.Wait()
	}
}

func yields(goroutines, times int) func(laps int) {
	return func(laps int) {
		var done sync.WaitGroup
		for range laps {
			done.Add(goroutines)
			for range goroutines {
				go func() {
					for range times {
						runtime.Gosched()
					}
					done.Done()
				}()
			}
			done.Wait()
		}
	}
}

func yieldBesideQueue(laps int) {
	var over atomic.Bool
	var yielders, done sync.WaitGroup
	yielders.Add(2)
	for range 2 {
		go func() {
			for !over.Load() {
				runtime.Gosched()
			}
			yielders.Done()
		}()
	}
	for range laps {
		done.Add(10_000)
		for range 10_000 {
			go func() { done.Done() }()
		}
		done.Wait()
	}
	over.Store(true)
	yielders.Wait()
}

func pair(capacity, trips int) int {
	there, back := make(chan int, capacity), make(chan int, capacity)
	go func() {
		for value := range there {
			back <- value
		}
	}()
	right := 0
	for trip := range trips {
		there <- trip
		if <-back == trip {
			right++
		}
	}
	close(there)
	return right
}

func pairs(capacity, count, trips int) {
	var done sync.WaitGroup
	done.Add(count)
	for range count {
		go func() {
			check(pair(capacity, trips) == trips, "a trip went wrong")
			done.Done()
		}()
	}
	done.Wait()
}

func oneshots(laps int) {
	var done sync.WaitGroup
	for range laps {
		done.Add(1_000)
		for value := range 1_000 {
			go func() {
				there, back := make(chan int, 1), make(chan int, 1)
				go func() { back <- <-there }()
				there <- value
				check(<-back == value, "a trip went wrong")
				done.Done()
			}()
		}
		done.Wait()
	}
}

func node(up chan<- int, first, leaves int) {
	up <- children(first, leaves)
}

func children(first, leaves int) int {
	answers := make(chan int, 10)
	share := leaves / 10
	for child := range 10 {
		number := first + child*share
		if share == 1 {
			go func() { answers <- number }()
		} else {
			go node(answers, number, share)
		}
	}
	sum := 0
	for range 10 {
		sum += <-answers
	}
	return sum
}

func skynet(laps int) {
	for range laps {
		check(children(0, 1_000_000) == 1_000_000*999_999/2, "a leaf is missing")
	}
}

// sink keeps the work below from being left out.
var sink atomic.Uint64

func twoMicroseconds(x uint64) uint64 {
	for step := range uint64(1_700) {
		x = x*0x9E37_79B9_7F4A_7C15 ^ step
	}
	return x
}

func work(laps int) {
	var done sync.WaitGroup
	for range laps {
		done.Add(10_000)
		for seed := range uint64(10_000) {
			go func() {
				if twoMicroseconds(seed) == 0 {
					sink.Add(1)
				}
				done.Done()
			}()
		}
		done.Wait()
	}
}
