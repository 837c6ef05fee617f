// Tests of a client of echo-node, with go test.
package echo

import (
	"bytes"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// roundTrip sends a message until it comes back: a good client survives a server that is restarted.
func roundTrip(address string, message []byte) ([]byte, error) {
	until := time.Now().Add(30 * time.Second)
	for {
		back, err := once(address, message)
		if err == nil || time.Now().After(until) {
			return back, err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func once(address string, message []byte) ([]byte, error) {
	server, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return nil, err
	}
	defer server.Close()
	if _, err := server.Write(message); err != nil {
		return nil, err
	}
	back := make([]byte, len(message))
	_, err = io.ReadFull(server, back)
	return back, err
}

func TestAMessageComesBack(t *testing.T) {
	for _, name := range []string{"N1", "N2", "N3"} {
		t.Run(name, func(t *testing.T) {
			address := "127.0.0.1:" + os.Getenv("SQUALL_NODE_"+name+"_PORT_ECHO")
			for number := 0; number < 20; number++ {
				message := bytes.Repeat([]byte{byte(number)}, 1024)
				back, err := roundTrip(address, message)
				if err != nil || !bytes.Equal(back, message) {
					t.Fatalf("message %d: %v", number, err)
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
}
