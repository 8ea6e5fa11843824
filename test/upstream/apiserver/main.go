// Command apiserver runs the API server for custom resources (k8s.io/apiextensions-apiserver, as kube-apiserver embeds it) on
// an etcd, installs the CustomResourceDefinitions of a directory, and serves it on a loopback port without authentication. It
// prints the address as its first line, and ends when its standard input does.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	servertesting "k8s.io/apiextensions-apiserver/pkg/cmd/server/testing"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

// stderrLog keeps standard output for the address.
type stderrLog struct{}

func (stderrLog) Errorf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
func (stderrLog) Logf(format string, args ...any)   { fmt.Fprintf(os.Stderr, format+"\n", args...) }
func (stderrLog) Fatalf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

// A client configuration that is never used: the server wants one for delegated authentication, which is skipped.
const unusedKubeconfig = `{apiVersion: v1, kind: Config, current-context: c,
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}],
contexts: [{name: c, context: {cluster: c, user: u}}], users: [{name: u, user: {}}]}`

func main() {
	etcd := flag.String("etcd", "", "address of the etcd")
	crds := flag.String("crds", "", "directory with CustomResourceDefinitions")
	flag.Parse()
	if err := run(*etcd, *crds); err != nil {
		fmt.Fprintln(os.Stderr, "apiserver:", err)
		os.Exit(1)
	}
}

func run(etcd, crds string) error {
	directory, err := os.MkdirTemp("", "apiserver")
	if err != nil {
		return err
	}
	defer os.RemoveAll(directory)
	kubeconfig := filepath.Join(directory, "kubeconfig")
	if err := os.WriteFile(kubeconfig, []byte(unusedKubeconfig), 0o600); err != nil {
		return err
	}
	server, err := servertesting.StartTestServer(stderrLog{}, nil, []string{
		"--etcd-servers", etcd,
		"--authentication-skip-lookup",
		"--authentication-kubeconfig", kubeconfig,
		"--authorization-kubeconfig", kubeconfig,
		"--kubeconfig", kubeconfig,
		"--enable-priority-and-fairness=false",
		// These need the rest of a cluster.
		"--disable-admission-plugins", "NamespaceLifecycle,MutatingAdmissionWebhook,ValidatingAdmissionWebhook,ValidatingAdmissionPolicy,MutatingAdmissionPolicy",
	}, nil)
	if err != nil {
		return err
	}
	defer server.TearDownFn()
	if err := install(server.ClientConfig, crds); err != nil {
		return err
	}
	address, err := proxy(server.ClientConfig)
	if err != nil {
		return err
	}
	fmt.Println(address)
	_, _ = io.Copy(io.Discard, os.Stdin)
	return nil
}

// install creates every CustomResourceDefinition found and waits until all are served. Of two files for one kind, which the
// directory has for comparison, the first counts.
func install(config *rest.Config, directory string) error {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = 100, 100
	client, err := clientset.NewForConfig(config)
	if err != nil {
		return err
	}
	names := map[string]bool{}
	err = filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" || strings.Count(entry.Name(), ".") > 1 {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
		for {
			document, err := reader.Read()
			if errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			var crd apiextensionsv1.CustomResourceDefinition
			if err := yaml.Unmarshal(document, &crd); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			if crd.Kind != "CustomResourceDefinition" || names[crd.Name] {
				continue
			}
			names[crd.Name] = true
			// No webhook runs here that could convert between versions.
			crd.Spec.Conversion = nil
			if _, err := client.ApiextensionsV1().CustomResourceDefinitions().Create(context.Background(), &crd, metav1.CreateOptions{}); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
	})
	if err != nil {
		return err
	}
	return established(client, len(names))
}

func established(client clientset.Interface, want int) error {
	deadline := time.Now().Add(2 * time.Minute)
	for time.Now().Before(deadline) {
		list, err := client.ApiextensionsV1().CustomResourceDefinitions().List(context.Background(), metav1.ListOptions{})
		if err != nil {
			return err
		}
		ready := 0
		for _, crd := range list.Items {
			for _, condition := range crd.Status.Conditions {
				if condition.Type == apiextensionsv1.Established && condition.Status == apiextensionsv1.ConditionTrue {
					ready++
				}
				if condition.Type == apiextensionsv1.NonStructuralSchema && condition.Status == apiextensionsv1.ConditionTrue {
					return fmt.Errorf("%s: %s", crd.Name, condition.Message)
				}
			}
		}
		if ready == want {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("not all of %d CustomResourceDefinitions were established in time", want)
}

// proxy serves the API server, which wants a token and has a certificate of its own, as plain HTTP on the loopback address.
func proxy(config *rest.Config) (string, error) {
	target, err := url.Parse(config.Host)
	if err != nil {
		return "", err
	}
	if target.Scheme == "" {
		target, err = url.Parse("https://" + config.Host)
		if err != nil {
			return "", err
		}
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		return "", err
	}
	handler := httputil.NewSingleHostReverseProxy(target)
	handler.Transport = transport
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() { _ = http.Serve(listener, handler) }()
	return "http://" + listener.Addr().String(), nil
}
