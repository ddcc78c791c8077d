package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// listenOnLoopback takes connections to any address of 127.0.0.0/8, and from nowhere else: binding to the
// interface lo keeps the wildcard address from being reached over any other.
func listenOnLoopback(port int) (net.Listener, error) {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var bound error
		if err := raw.Control(func(fd uintptr) {
			bound = syscall.SetsockoptString(int(fd), syscall.SOL_SOCKET, syscall.SO_BINDTODEVICE, "lo")
		}); err != nil {
			return err
		}
		return bound
	}}
	return config.Listen(context.Background(), "tcp4", fmt.Sprintf("0.0.0.0:%d", port))
}

// deviceName is the name of the device behind an address; false for one that is not loopback.
func deviceName(address net.Addr) (string, bool) {
	ip := address.(*net.TCPAddr).IP.To4()
	if ip == nil || !ip.IsLoopback() {
		return "", false
	}
	return fmt.Sprintf("sw-%04d", (int(ip[1])*256+int(ip[2]))*256+int(ip[3])), true
}

func serverConfig() (*ssh.ServerConfig, []string) {
	config := &ssh.ServerConfig{ServerVersion: "SSH-2.0-Cisco-1.25"}
	check := func(who string, secret string) (*ssh.Permissions, error) {
		if who == *user && secret == *password {
			return nil, nil
		}
		atomic.AddInt64(&seen.Refused, 1)
		return nil, errors.New("denied")
	}
	if *kbi {
		config.KeyboardInteractiveCallback = func(
			c ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge,
		) (*ssh.Permissions, error) {
			answers, err := ask("", "", []string{"Password: "}, []bool{false})
			if err != nil || len(answers) != 1 {
				return nil, errors.New("denied")
			}
			return check(c.User(), answers[0])
		}
	} else {
		config.PasswordCallback = func(c ssh.ConnMetadata, secret []byte) (*ssh.Permissions, error) {
			return check(c.User(), string(secret))
		}
	}
	config.KeyExchanges = list(*kexs)
	config.Ciphers = list(*ciphers)
	config.MACs = list(*macs)
	var public []string
	for _, kind := range list(*hostkeys) {
		signer := hostKey(kind)
		config.AddHostKey(signer)
		public = append(public, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey()))))
	}
	return config, public
}

func list(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

func hostKey(kind string) ssh.Signer {
	var key crypto.Signer
	var err error
	switch kind {
	case "ed25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case "ecdsa256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "rsa2048":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "rsa3072":
		key, err = rsa.GenerateKey(rand.Reader, 3072)
	case "rsa4096":
		key, err = rsa.GenerateKey(rand.Reader, 4096)
	default:
		log.Fatalf("no host key of kind %q", kind)
	}
	if err != nil {
		log.Fatal(err)
	}
	signer, err := ssh.NewSignerFromSigner(key)
	if err != nil {
		log.Fatal(err)
	}
	return signer
}

// slowConn delivers what is written to it a while later, in order.
type slowConn struct {
	net.Conn
	delay  time.Duration
	mutex  sync.Mutex
	closed bool
	queue  chan parcel
}

type parcel struct {
	due  time.Time
	data []byte
}

func delayed(conn net.Conn, delay time.Duration) *slowConn {
	slow := &slowConn{Conn: conn, delay: delay, queue: make(chan parcel, 4096)}
	go func() {
		defer conn.Close()
		for next := range slow.queue {
			time.Sleep(time.Until(next.due))
			if _, err := conn.Write(next.data); err != nil {
				conn.Close()
			}
		}
	}()
	return slow
}

func (slow *slowConn) Write(data []byte) (int, error) {
	slow.mutex.Lock()
	defer slow.mutex.Unlock()
	if slow.closed {
		return 0, io.ErrClosedPipe
	}
	slow.queue <- parcel{time.Now().Add(slow.delay), append([]byte(nil), data...)}
	return len(data), nil
}

func (slow *slowConn) Close() error {
	slow.mutex.Lock()
	defer slow.mutex.Unlock()
	if !slow.closed {
		slow.closed = true
		close(slow.queue)
	}
	return nil
}
