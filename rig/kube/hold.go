package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
)

// parentVariable names the process with which this one ends.
const parentVariable = "KUBERIG_PARENT"

// Package initialization runs on the main thread, which lives as long as the process, and the signal belongs to a thread.
func init() {
	endWithParent()
}

// endWithParent has this thread told of the parent's end, by SIGKILL.
func endWithParent() {
	text := os.Getenv(parentVariable)
	if text == "" {
		return
	}
	parent, err := strconv.Atoi(text)
	if err != nil {
		fatal(fmt.Errorf("%s=%s: %w", parentVariable, text, err))
	}
	const none = 0
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), none); errno != 0 {
		fatal(fmt.Errorf("prctl: %w", errno))
	}
	// It may have ended before the signal was asked for.
	if os.Getppid() != parent {
		fatal(fmt.Errorf("process %d has ended", parent))
	}
}

// hold becomes another program, which ends with the same process: the signal survives execve.
func hold(command []string) {
	if len(command) == 0 {
		fatal(fmt.Errorf("usage: kuberig hold PROGRAM ARGUMENT…"))
	}
	program, err := exec.LookPath(command[0])
	if err != nil {
		fatal(err)
	}
	// The thread that calls execve is the one that is left.
	runtime.LockOSThread()
	endWithParent()
	fatal(syscall.Exec(program, command, os.Environ()))
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "kuberig:", err)
	os.Exit(2)
}
