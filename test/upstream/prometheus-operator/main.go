// Command prometheus-operator judges PrometheusRules by the operator's own check, and AlertmanagerConfigs by building
// Alertmanager's configuration from them. Secrets that a configuration names must be among the objects.
package main

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/blang/semver/v4"
	"github.com/prometheus-operator/prometheus-operator/pkg/alertmanager"
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

func main() { judge.Main(prepare) }

func prepare(all []judge.Object) (judge.Judge, error) {
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
	return func(object judge.Object) ([]string, bool) {
		switch object.Kind {
		case "PrometheusRule":
			return judgeRule(object), true
		case "AlertmanagerConfig":
			return judgeAlertmanagerConfig(object, assets.NewStoreBuilder(client, client)), true
		}
		return nil, false
	}, nil
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

func judgeAlertmanagerConfig(object judge.Object, store *assets.StoreBuilder) []string {
	var config monitoringv1alpha1.AlertmanagerConfig
	if err := yaml.UnmarshalStrict(object.Raw, &config); err != nil {
		return []string{err.Error()}
	}
	builder := alertmanager.NewConfigBuilder(slog.New(slog.DiscardHandler), alertmanagerVersion, store, &monitoringv1.Alertmanager{})
	err := builder.InitializeFromRawConfiguration([]byte(baseConfiguration))
	if err == nil {
		err = builder.AddAlertmanagerConfigs(context.Background(), map[string]*monitoringv1alpha1.AlertmanagerConfig{object.Title(): &config})
	}
	if err != nil {
		return []string{err.Error()}
	}
	return nil
}
