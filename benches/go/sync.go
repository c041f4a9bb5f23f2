package main

import (
	"runtime"
	"sync"
	"sync/atomic"
)

const (
	tasks = 8
	many  = 100_000
	some  = 8_000
	keys  = 1_024
)

// Go has no barrier. Its users write a notification as a channel of capacity 1, and a
// semaphore as one of as many places as there are permits.
func syncRows() []row {
	return []row{
		{"mutex_1", many, 100, mutexAlone},
		{"mutex_8", some, 25, mutexFought},
		{"rwlock_1_read", many, 100, readAlone},
		{"rwlock_1_write", many, 100, writeAlone},
		{"rwlock_90", many, 10, readWrite(10)},
		{"rwlock_99", many, 10, readWrite(100)},
		{"semaphore_1", many, 100, permitsAlone},
		{"semaphore_8", some, 25, permitsShared},
		{"once_done", many, 200, onceDone},
		{"wait_group_1", many, 50, countAlone},
		{"wait_group_8", 1_000, 50, crewOfEight},
		{"notify_1", many, 50, remember},
		{"notify_2", 10_000, 20, backAndForth},
		{"map_99", many, 20, mapMixed(100)},
		{"map_90", many, 20, mapMixed(10)},
		{"map_store", many, 20, mapMixed(1)},
		{"map_load_or_store", many, 20, mapLoadOrStore},
		{"map_insert_delete", many, 10, mapComeAndGo},
		{"pool_1", many, 50, poolAlone},
		{"pool_8", many, 50, poolShared},
	}
}

func oneMicrosecond(x uint64) uint64 {
	for step := range uint64(850) {
		x = x*0x9E37_79B9_7F4A_7C15 ^ step
	}
	return x
}

// fight runs eight goroutines and adds up what they give.
func fight(task func(number uint64) uint64) uint64 {
	var sum atomic.Uint64
	var done sync.WaitGroup
	done.Add(tasks)
	for number := range uint64(tasks) {
		go func() {
			sum.Add(task(number))
			done.Done()
		}()
	}
	done.Wait()
	return sum.Load()
}

func mutexAlone(laps int) {
	var mutex sync.Mutex
	count := 0
	for range laps * many {
		mutex.Lock()
		count++
		mutex.Unlock()
	}
	check(count == laps*many, "a turn is missing")
}

func mutexFought(laps int) {
	each := laps * some / tasks
	var mutex sync.Mutex
	count := 0
	fight(func(seed uint64) uint64 {
		for turn := range uint64(each) {
			mutex.Lock()
			if oneMicrosecond(seed+turn) == 0 {
				sink.Add(1)
			}
			count++
			mutex.Unlock()
		}
		return 0
	})
	check(count == each*tasks, "a turn is missing")
}

func readAlone(laps int) {
	var lock sync.RWMutex
	value, sum := 0, 0
	for range laps * many {
		lock.RLock()
		sum += value + 1
		lock.RUnlock()
	}
	check(sum == laps*many, "a turn is missing")
}

func writeAlone(laps int) {
	var lock sync.RWMutex
	value := 0
	for range laps * many {
		lock.Lock()
		value++
		lock.Unlock()
	}
	check(value == laps*many, "a turn is missing")
}

func readWrite(writeEvery uint64) func(laps int) {
	return func(laps int) {
		each := uint64(laps * many / tasks)
		var lock sync.RWMutex
		var value uint64
		writes := fight(func(number uint64) uint64 {
			writes := uint64(0)
			for turn := range each {
				if (turn+number*13)%writeEvery == 0 {
					lock.Lock()
					value++
					lock.Unlock()
					writes++
				} else {
					lock.RLock()
					if value == 1<<63 {
						sink.Add(1)
					}
					lock.RUnlock()
				}
			}
			return writes
		})
		check(value == writes, "every write counts")
	}
}

func permitsAlone(laps int) {
	permits := make(chan struct{}, 4)
	for range laps * many {
		permits <- struct{}{}
		<-permits
	}
}

func permitsShared(laps int) {
	each := laps * some / tasks
	permits := make(chan struct{}, 4)
	fight(func(seed uint64) uint64 {
		for turn := range uint64(each) {
			permits <- struct{}{}
			if oneMicrosecond(seed+turn) == 0 {
				sink.Add(1)
			}
			runtime.Gosched()
			<-permits
		}
		return 0
	})
}

func onceDone(laps int) {
	get := sync.OnceValue(func() int { return 1 })
	sum := 0
	for range laps * many {
		sum += get()
	}
	check(sum == laps*many, "a call is missing")
}

func countAlone(laps int) {
	var group sync.WaitGroup
	for range laps * many {
		group.Add(1)
		group.Done()
		group.Wait()
	}
}

func crewOfEight(laps int) {
	for range laps * 1_000 {
		var group sync.WaitGroup
		group.Add(tasks)
		for range tasks {
			go func() { group.Done() }()
		}
		group.Wait()
	}
}

func tell(changed chan<- struct{}) {
	select {
	case changed <- struct{}{}:
	default:
	}
}

func remember(laps int) {
	changed := make(chan struct{}, 1)
	for range laps * many {
		tell(changed)
		<-changed
	}
}

func backAndForth(laps int) {
	there, back := make(chan struct{}, 1), make(chan struct{}, 1)
	done := make(chan bool)
	count := laps * 10_000
	go func() {
		for range count {
			<-there
			tell(back)
		}
		done <- true
	}()
	for range count {
		tell(there)
		<-back
	}
	<-done
}

func nextKey(seed *uint64) uint64 {
	*seed = *seed*6_364_136_223_846_793_005 + 1_442_695_040_888_963_407
	return (*seed >> 40) % keys
}

// fullMap runs eight goroutines that do the same with a full map.
func fullMap(laps int, op func(m *sync.Map, key, turn uint64) bool) {
	each := uint64(laps * many / tasks)
	var m sync.Map
	for key := range uint64(keys) {
		m.Store(key, key)
	}
	found := fight(func(number uint64) uint64 {
		seed, found := number, uint64(0)
		for turn := range each {
			if op(&m, nextKey(&seed), turn) {
				found++
			}
		}
		return found
	})
	check(found == each*tasks, "a key is missing")
}

func mapMixed(storeEvery uint64) func(laps int) {
	return func(laps int) {
		fullMap(laps, func(m *sync.Map, key, turn uint64) bool {
			if turn%storeEvery == 0 {
				m.Store(key, turn)
				return true
			}
			_, ok := m.Load(key)
			return ok
		})
	}
}

func mapLoadOrStore(laps int) {
	fullMap(laps, func(m *sync.Map, key, _ uint64) bool {
		value, _ := m.LoadOrStore(key, key)
		return value.(uint64) == key
	})
}

func mapComeAndGo(laps int) {
	each := laps * many / tasks
	var m sync.Map
	fight(func(number uint64) uint64 {
		seed := number
		for range each {
			key := nextKey(&seed)*tasks + number
			m.Store(key, key)
			m.Delete(key)
		}
		return 0
	})
}

func buffers() *sync.Pool {
	return &sync.Pool{New: func() any { buffer := make([]byte, 4_096); return &buffer }}
}

func use(pool *sync.Pool, times int) uint64 {
	for range times {
		buffer := pool.Get().(*[]byte)
		(*buffer)[17]++
		pool.Put(buffer)
	}
	return uint64(times)
}

func poolAlone(laps int) {
	use(buffers(), laps*many)
}

func poolShared(laps int) {
	pool, each := buffers(), laps*many/tasks
	used := fight(func(uint64) uint64 { return use(pool, each) })
	check(used == uint64(each*tasks), "a use is missing")
}
