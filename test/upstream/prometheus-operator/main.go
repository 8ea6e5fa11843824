// Command prometheus-operator judges PrometheusRules by the operator's own check, and AlertmanagerConfigs by building
// Alertmanager's configuration from them. Secrets that a configuration names must be among the objects.
//
// With -build VERSION it prints instead the configuration of an Alertmanager of that version, built from all AlertmanagerConfigs
// as the operator does.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"

	"github.com/blang/semver/v4"
	"github.com/prometheus-operator/prometheus-operator/pkg/alertmanager"
	validation "github.com/prometheus-operator/prometheus-operator/pkg/alertmanager/validation/v1alpha1"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	monitoringv1alpha1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1alpha1"
	"github.com/prometheus-operator/prometheus-operator/pkg/assets"
	"github.com/prometheus-operator/prometheus-operator/pkg/operator"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/yaml"

	"cdk8s-mlops.dev/test/upstream/judge"
)

// The Alertmanager that kube-prometheus-stack ships, and an otherwise empty configuration around ours.
var alertmanagerVersion = semver.MustParse("0.34.0")

const baseConfiguration = `{route: {receiver: "null"}, receivers: [{name: "null"}]}`

func main() {
	build := flag.String("build", "", "print the configuration for an Alertmanager of this version")
	flag.Parse()
	if *build == "" {
		judge.Main(prepare)
		return
	}
	if err := printConfiguration(*build); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func prepare(all []judge.Object) (judge.Judge, error) {
	store, err := secretsOf(all)
	if err != nil {
		return nil, err
	}
	return func(object judge.Object) ([]string, bool) {
		switch object.Kind {
		case "PrometheusRule":
			return judgeRule(object), true
		case "AlertmanagerConfig":
			if _, err := buildConfiguration([]judge.Object{object}, alertmanagerVersion, store()); err != nil {
				return []string{err.Error()}, true
			}
			return nil, true
		}
		return nil, false
	}, nil
}

func printConfiguration(version string) error {
	target, err := semver.Parse(version)
	if err != nil {
		return err
	}
	objects, err := judge.Read(os.Stdin)
	if err != nil {
		return err
	}
	store, err := secretsOf(objects)
	if err != nil {
		return err
	}
	configuration, err := buildConfiguration(objects, target, store())
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(configuration)
	return err
}

// secretsOf gives the operator the Secrets among the objects, in stores that remember nothing of each other.
func secretsOf(all []judge.Object) (func() *assets.StoreBuilder, error) {
	var secrets []runtime.Object
	for _, object := range all {
		var secret corev1.Secret
		if object.Kind != "Secret" {
			continue
		}
		if err := json.Unmarshal(object.Raw, &secret); err != nil {
			return nil, err
		}
		// A real API server turns the plain half into the encoded one.
		if secret.Data == nil {
			secret.Data = map[string][]byte{}
		}
		for key, value := range secret.StringData {
			secret.Data[key] = []byte(value)
		}
		secrets = append(secrets, &secret)
	}
	client := fake.NewClientset(secrets...).CoreV1()
	return func() *assets.StoreBuilder { return assets.NewStoreBuilder(client, client) }, nil
}

func judgeRule(object judge.Object) (problems []string) {
	var rule monitoringv1.PrometheusRule
	if err := yaml.UnmarshalStrict(object.Raw, &rule); err != nil {
		return []string{err.Error()}
	}
	for _, each := range operator.ValidateRule(rule.Spec, model.UTF8Validation, parser.Options{}) {
		problems = append(problems, each.Error())
	}
	return problems
}

// buildConfiguration does what the operator does with the AlertmanagerConfigs that it selects.
func buildConfiguration(objects []judge.Object, version semver.Version, store *assets.StoreBuilder) ([]byte, error) {
	configs := map[string]*monitoringv1alpha1.AlertmanagerConfig{}
	for _, object := range objects {
		if object.Kind != "AlertmanagerConfig" {
			continue
		}
		var config monitoringv1alpha1.AlertmanagerConfig
		if err := yaml.UnmarshalStrict(object.Raw, &config); err != nil {
			return nil, err
		}
		if err := validation.ValidateAlertmanagerConfig(&config); err != nil {
			return nil, err
		}
		configs[object.Title()] = &config
	}
	builder := alertmanager.NewConfigBuilder(slog.New(slog.DiscardHandler), version, store, &monitoringv1.Alertmanager{})
	if err := builder.InitializeFromRawConfiguration([]byte(baseConfiguration)); err != nil {
		return nil, err
	}
	if err := builder.AddAlertmanagerConfigs(context.Background(), configs); err != nil {
		return nil, err
	}
	return builder.MarshalJSON()
}
