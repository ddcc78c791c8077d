// devsim is a fleet of simulated network devices for benchmarks: every address of 127.0.0.0/8 is a device
// with a Cisco-like command line over SSH. It listens on the loopback interface only, and ends with its input.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"log"
	"net"
	"os"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

var (
	port     = flag.Int("port", 0, "port; 0 chooses a free one")
	user     = flag.String("user", "admin", "user name")
	password = flag.String("password", "pw", "password")
	hostkeys = flag.String("hostkey", "ed25519", "comma list: ed25519,ecdsa256,rsa2048,rsa3072,rsa4096")
	kexs     = flag.String("kex", "", "comma list of key exchanges; empty means the library's")
	ciphers  = flag.String("ciphers", "", "comma list of ciphers")
	macs     = flag.String("macs", "", "comma list of MACs")
	think    = flag.Duration("think", 0, "time a device thinks before it answers a show command")
	rtt      = flag.Duration("rtt", 0, "round trip time: what a device sends arrives this much later")
	login    = flag.Duration("login", 0, "time between the login and the first prompt")
	chunk    = flag.Int("chunk", 0, "bytes a write of an output; 0 means all at once")
	lines    = flag.Int("lines", 60, "lines of show ip arp")
	runKB    = flag.Int("runkb", 2048, "KiB of show running-config")
	kbi      = flag.Bool("kbi", false, "log in by keyboard-interactive only")
	pager    = flag.Bool("pager", false, "page outputs until terminal length 0")
)

// What the fleet has seen; written to the output for each line "stats" on the input.
type counters struct {
	Connections int64 `json:"connections"`
	AtOnce      int64 `json:"at_once"`
	Most        int64 `json:"most"`
	Logins      int64 `json:"logins"`
	Refused     int64 `json:"refused"`
	Commands    int64 `json:"commands"`
}

var seen counters

func main() {
	flag.Parse()
	log.SetFlags(0)
	makeOutputs()
	allowGroupExchange()
	config, keys := serverConfig()
	listener, err := listenOnLoopback(*port)
	if err != nil {
		log.Fatal(err)
	}
	out := json.NewEncoder(os.Stdout)
	out.Encode(map[string]any{"port": listener.Addr().(*net.TCPAddr).Port, "keys": keys})
	go accept(listener, config)
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		if in.Text() == "stats" {
			out.Encode(snapshot())
		}
	}
}

func snapshot() counters {
	return counters{
		Connections: atomic.LoadInt64(&seen.Connections),
		AtOnce:      atomic.LoadInt64(&seen.AtOnce),
		Most:        atomic.LoadInt64(&seen.Most),
		Logins:      atomic.LoadInt64(&seen.Logins),
		Refused:     atomic.LoadInt64(&seen.Refused),
		Commands:    atomic.LoadInt64(&seen.Commands),
	}
}

func accept(listener net.Listener, config *ssh.ServerConfig) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(conn, config)
	}
}

func serve(conn net.Conn, config *ssh.ServerConfig) {
	defer conn.Close()
	device, ok := deviceName(conn.LocalAddr())
	if !ok {
		return
	}
	now := atomic.AddInt64(&seen.AtOnce, 1)
	defer atomic.AddInt64(&seen.AtOnce, -1)
	for {
		most := atomic.LoadInt64(&seen.Most)
		if now <= most || atomic.CompareAndSwapInt64(&seen.Most, most, now) {
			break
		}
	}
	atomic.AddInt64(&seen.Connections, 1)
	if *rtt > 0 {
		conn = delayed(conn, *rtt)
		defer conn.Close()
	}
	client, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	defer client.Close()
	atomic.AddInt64(&seen.Logins, 1)
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		if offered.ChannelType() != "session" {
			offered.Reject(ssh.UnknownChannelType, "only sessions")
			continue
		}
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		go session(client, channel, requests, device)
	}
}
