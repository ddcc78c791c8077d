package main

import (
	_ "unsafe" // for go:linkname
)

// The library has a server half of the group exchange (with group 14's prime), but keeps it for its own tests.
// It is good enough to measure clients with that ask for 2048 to 8192 bits, 2048 preferred, as paramiko does:
// whatever they ask for, it signs those numbers.
//
//go:linkname forbiddenKexAlgos golang.org/x/crypto/ssh.serverForbiddenKexAlgos
var forbiddenKexAlgos map[string]struct{}

func allowGroupExchange() {
	for name := range forbiddenKexAlgos {
		delete(forbiddenKexAlgos, name)
	}
}
