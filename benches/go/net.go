package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

// serve prints its port and serves until stdin ends.
func serve(kind string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	switch kind {
	case "echo":
		go echoes(listener, func([]byte) {})
	case "work":
		go echoes(listener, turnOver)
	case "http":
		go greetings(listener)
	default:
		panic("no kind " + kind)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// echoes starts a goroutine for each connection; answer makes the answer of a request, in its
// place. Go sends small packets at once by default.
func echoes(listener net.Listener, answer func([]byte)) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go echo(conn, answer)
	}
}

func echo(conn net.Conn, answer func([]byte)) {
	defer conn.Close()
	buffer := make([]byte, 1024)
	for {
		some, err := conn.Read(buffer)
		if err != nil {
			return
		}
		answer(buffer[:some])
		if _, err := conn.Write(buffer[:some]); err != nil {
			return
		}
	}
}

// turnOver turns a number over as often as the request says, like work.rs of the other servers.
func turnOver(request []byte) {
	turns := binary.LittleEndian.Uint32(request)
	number := binary.LittleEndian.Uint64(request[4:])
	for range turns {
		number = (number ^ number>>32) * 0x9E3779B97F4A7C15
	}
	binary.LittleEndian.PutUint64(request[4:], number)
}

func greetings(listener net.Listener) {
	greet := func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("Hello, World!"))
	}
	panic(http.Serve(listener, http.HandlerFunc(greet)))
}
