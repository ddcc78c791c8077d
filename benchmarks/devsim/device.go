package main

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

const pageLines = 23

var arpOutput, runOutput []byte

func makeOutputs() {
	var text bytes.Buffer
	text.WriteString("Protocol  Address          Age (min)  Hardware Addr   Type   Interface\r\n")
	for n := 0; n < *lines; n++ {
		address := fmt.Sprintf("10.%d.%d.%d", n%7, n%251, n%250+1)
		fmt.Fprintf(&text, "Internet  %-15s  %8d   %04x.%04x.%04x  ARPA   Vlan%d\r\n",
			address, n%240, n*7919%65536, n*104729%65536, n*31337%65536, 10+n%40)
	}
	arpOutput = append(arpOutput, text.Bytes()...)
	text.Reset()
	text.WriteString("Building configuration...\r\n\r\nCurrent configuration : 999999 bytes\r\n!\r\nversion 17.9\r\n")
	for n := 0; text.Len() < *runKB*1024; n++ {
		fmt.Fprintf(&text, "interface GigabitEthernet1/0/%d\r\n description uplink to port #%d of closet %d\r\n"+
			" switchport access vlan %d\r\n spanning-tree portfast\r\n!\r\n", n, n, n%97, n%4094)
	}
	text.WriteString("end\r\n\r\n")
	runOutput = append(runOutput, text.Bytes()...)
}

func session(client *ssh.ServerConn, channel ssh.Channel, requests <-chan *ssh.Request, device string) {
	for request := range requests {
		switch request.Type {
		case "pty-req", "env", "window-change":
			request.Reply(true, nil)
		case "shell":
			request.Reply(true, nil)
			go (&terminal{client: client, channel: channel, device: device, paging: *pager}).run()
		default:
			request.Reply(false, nil)
		}
	}
}

// terminal is the command line of one session.
type terminal struct {
	client  *ssh.ServerConn
	channel ssh.Channel
	device  string
	paging  bool
	buffer  [4096]byte
	pending []byte
}

func (t *terminal) run() {
	defer t.client.Close()
	defer t.channel.Close()
	time.Sleep(*login)
	t.channel.Write([]byte("\r\nThis system is for authorized use only # do not log in\r\n\r\n" + t.device + "#"))
	var line []byte
	echoed := 0
	for {
		char, err := t.read()
		if err != nil {
			return
		}
		if char != '\r' && char != '\n' {
			line = append(line, char)
			if len(t.pending) == 0 {
				// Who types slowly sees what was typed at once.
				t.channel.Write(line[echoed:])
				echoed = len(line)
			}
			continue
		}
		if char == '\r' && len(t.pending) > 0 && t.pending[0] == '\n' {
			t.pending = t.pending[1:]
		}
		t.channel.Write(append(append([]byte(nil), line[echoed:]...), '\r', '\n'))
		if !t.command(strings.TrimSpace(string(line))) {
			return
		}
		line, echoed = line[:0], 0
	}
}

func (t *terminal) read() (byte, error) {
	if len(t.pending) == 0 {
		count, err := t.channel.Read(t.buffer[:])
		if err != nil {
			return 0, err
		}
		t.pending = t.buffer[:count]
	}
	char := t.pending[0]
	t.pending = t.pending[1:]
	return char, nil
}

// command answers one line; false ends the session.
func (t *terminal) command(line string) bool {
	if line == "exit" || line == "quit" || line == "logout" {
		t.channel.SendRequest("exit-status", false, []byte{0, 0, 0, 0})
		return false
	}
	if line != "" {
		atomic.AddInt64(&seen.Commands, 1)
	}
	if strings.HasPrefix(line, "terminal length") || strings.HasPrefix(line, "term len") {
		t.paging = !strings.HasSuffix(line, " 0")
	}
	if line == "show flood" {
		return t.flood()
	}
	output, thinks := answer(line)
	if thinks {
		time.Sleep(*think)
	}
	prompt := []byte(t.device + "#")
	if t.paging && bytes.Count(output, []byte("\n")) > pageLines {
		return t.page(output) && t.put(prompt) == nil
	}
	if len(output) > 32768 || *chunk > 0 {
		return t.put(output) == nil && t.put(prompt) == nil
	}
	_, err := t.channel.Write(append(append([]byte(nil), output...), prompt...))
	return err == nil
}

func answer(line string) ([]byte, bool) {
	switch {
	case line == "", strings.HasPrefix(line, "terminal "), strings.HasPrefix(line, "term "), line == "enable":
		return nil, false
	case line == "show ip arp":
		return arpOutput, true
	case strings.HasPrefix(line, "show run"):
		return runOutput, true
	case strings.HasPrefix(line, "show ver"):
		return []byte("Cisco IOS Software, Version 17.9.4, RELEASE SOFTWARE (fc5)\r\n" +
			"cisco C9300-48U uptime is 1 year\r\nProcessor board ID FCW2144L0QX\r\n"), true
	case strings.HasPrefix(line, "show clock"):
		return []byte("*12:00:00.000 UTC Mon Jan 5 2026\r\n"), true
	}
	return []byte("              ^\r\n% Invalid input detected at '^' marker.\r\n\r\n"), false
}

// put writes an output in pieces of -chunk bytes, each a packet of its own.
func (t *terminal) put(data []byte) error {
	size := *chunk
	if size <= 0 {
		size = len(data)
	}
	for len(data) > 0 {
		if size > len(data) {
			size = len(data)
		}
		if _, err := t.channel.Write(data[:size]); err != nil {
			return err
		}
		data = data[size:]
	}
	return nil
}

// page shows an output page by page: space goes on, q leaves.
func (t *terminal) page(output []byte) bool {
	more, erase := []byte(" --More-- "), []byte(strings.Repeat("\b", 10)+strings.Repeat(" ", 10)+strings.Repeat("\b", 10))
	for len(output) > 0 {
		end := 0
		for n := 0; n < pageLines && end < len(output); n++ {
			next := bytes.IndexByte(output[end:], '\n')
			if next < 0 {
				end = len(output)
				break
			}
			end += next + 1
		}
		if t.put(output[:end]) != nil {
			return false
		}
		output = output[end:]
		if len(output) == 0 {
			return true
		}
		t.channel.Write(more)
		key, err := t.read()
		if err != nil {
			return false
		}
		t.channel.Write(erase)
		if key == 'q' {
			return true
		}
	}
	return true
}

// flood sends lines until the client has enough of them.
func (t *terminal) flood() bool {
	block := bytes.Repeat([]byte("%SYS-5-CONFIG_I: Configured from console by admin on vty0 (192.0.2.1)\r\n"), 400)
	for t.put(block) == nil {
	}
	return false
}
