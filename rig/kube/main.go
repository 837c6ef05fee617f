// Command kuberig is etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kubectl in one program, for tests.
// Which one it is says the name by which it was started, or else its first argument. With KUBERIG_PARENT=PID it is killed
// when the thread of that process that started it ends, and so is the program that `kuberig hold PROGRAM ARGUMENT…` becomes.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	_ "time/tzdata" // CronJobs name time zones
)

var parts = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": controllers.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kubectl":                 kubectl.NewDefaultKubectlCommand,
}

func main() {
	name := filepath.Base(os.Args[0])
	if parts[name] == nil && len(os.Args) > 1 {
		name = os.Args[1]
		os.Args = append([]string{name}, os.Args[2:]...)
	}
	switch part := parts[name]; {
	case part != nil:
		os.Exit(cli.Run(part()))
	case name == "etcd":
		etcdmain.Main(os.Args)
	case name == "hold":
		hold(os.Args[1:])
	default:
		fmt.Fprintln(os.Stderr, "usage: kuberig etcd|kube-apiserver|kube-controller-manager|kube-scheduler|kubectl|hold ARGUMENT…")
		os.Exit(2)
	}
}
