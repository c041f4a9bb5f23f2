package main

import (
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
		go echoes(listener)
	case "http":
		go greetings(listener)
	default:
		panic("no kind " + kind)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// echoes starts a goroutine for each connection; Go sends small packets at once by default.
func echoes(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go echo(conn)
	}
}

func echo(conn net.Conn) {
	defer conn.Close()
	buffer := make([]byte, 1024)
	for {
		some, err := conn.Read(buffer)
		if err != nil {
			return
		}
		if _, err := conn.Write(buffer[:some]); err != nil {
			return
		}
	}
}

func greetings(listener net.Listener) {
	greet := func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("Hello, World!"))
	}
	panic(http.Serve(listener, http.HandlerFunc(greet)))
}
