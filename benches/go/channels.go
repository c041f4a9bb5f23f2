package main

const messages = 40_000

// Go has no channel without a limit.
func channelRows() []row {
	return []row{
		{"uncontended", messages, 25, uncontended},
		{"spsc_0", messages, 12, flow(0, 1, 1)},
		{"spsc_1", messages, 12, flow(1, 1, 1)},
		{"spsc_128", messages, 25, flow(128, 1, 1)},
		{"mpsc_0", messages, 12, flow(0, 8, 1)},
		{"mpsc_1", messages, 12, flow(1, 8, 1)},
		{"mpsc_128", messages, 25, flow(128, 8, 1)},
		{"mpmc_0", messages, 12, flow(0, 8, 8)},
		{"mpmc_1", messages, 12, flow(1, 8, 8)},
		{"mpmc_128", messages, 25, flow(128, 8, 8)},
		{"select_2_0", messages, 10, selectOver2(0)},
		{"select_2_128", messages, 10, selectOver2(128)},
		{"select_8_0", messages, 10, selectOver8(0)},
		{"select_8_128", messages, 10, selectOver8(128)},
		{"sieve", hops(primes), 1, sieve},
	}
}

func uncontended(laps int) {
	ch := make(chan int, 1)
	sum, count := 0, laps*messages
	for i := range count {
		ch <- i
		sum += <-ch
	}
	check(sum == count*(count-1)/2, "a message is missing")
}

// flow ends as Go's programs do: the last sender closes the channel.
func flow(capacity, senders, receivers int) func(laps int) {
	return func(laps int) {
		each := laps * messages / senders
		ch, sums, sent := make(chan int, capacity), make(chan int, receivers), make(chan bool, senders)
		for range receivers {
			go func() {
				sum := 0
				for number := range ch {
					sum += number
				}
				sums <- sum
			}()
		}
		for range senders {
			go func() {
				for number := 1; number <= each; number++ {
					ch <- number
				}
				sent <- true
			}()
		}
		for range senders {
			<-sent
		}
		close(ch)
		sum := 0
		for range receivers {
			sum += <-sums
		}
		check(sum == senders*(each*(each+1)/2), "a message is missing")
	}
}

func sources(count, capacity, each int) []chan int {
	channels := make([]chan int, count)
	for i := range channels {
		ch := make(chan int, capacity)
		channels[i] = ch
		go func() {
			for number := 1; number <= each; number++ {
				ch <- number
			}
		}()
	}
	return channels
}

func selectOver2(capacity int) func(laps int) {
	return func(laps int) {
		count := laps * messages
		each := count / 2
		c := sources(2, capacity, each)
		a, b := c[0], c[1]
		sum := 0
		for range count {
			select {
			case v := <-a:
				sum += v
			case v := <-b:
				sum += v
			}
		}
		check(sum == 2*(each*(each+1)/2), "a message is missing")
	}
}

func selectOver8(capacity int) func(laps int) {
	return func(laps int) {
		count := laps * messages
		each := count / 8
		c := sources(8, capacity, each)
		a, b, d, e, f, g, h, i := c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]
		sum, v := 0, 0
		for range count {
			select {
			case v = <-a:
			case v = <-b:
			case v = <-d:
			case v = <-e:
			case v = <-f:
			case v = <-g:
			case v = <-h:
			case v = <-i:
			}
			sum += v
		}
		check(sum == 8*(each*(each+1)/2), "a message is missing")
	}
}

const primes = 2_000

// hops is how many values cross a channel until so many primes are found.
func hops(count int) int {
	found, hops := []int{}, 0
	for number := 2; len(found) < count; number++ {
		filters := 0
		for filters < len(found) && number%found[filters] != 0 {
			filters++
		}
		hops += filters + 1
		if filters == len(found) {
			found = append(found, number)
		}
	}
	return hops
}

// sieve ends its goroutines through a second channel: Go's sends do not fail when the
// receiver is gone. A select there would change what is measured, so the chain is left
// behind instead, as in Go's own version of this program; it is garbage of a process that
// is about to end.
func sieve(laps int) {
	for range laps {
		ch := make(chan int)
		go func(ch chan<- int) {
			for number := 2; ; number++ {
				ch <- number
			}
		}(ch)
		prime := 0
		for range primes {
			prime = <-ch
			next := make(chan int)
			go func(in <-chan int, out chan<- int, prime int) {
				for number := range in {
					if number%prime != 0 {
						out <- number
					}
				}
			}(ch, next, prime)
			ch = next
		}
		check(prime == 17_389, "that is not the last prime")
	}
}
