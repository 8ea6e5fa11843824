// Command kserve judges InferenceServices by the validation of KServe's webhook.
package main

import (
	"context"

	"github.com/kserve/kserve/pkg/apis/serving/v1beta1"
	"sigs.k8s.io/yaml"

	"cdk8s-mlops.dev/test/upstream/judge"
)

func main() {
	judge.Main(func([]judge.Object) (judge.Judge, error) { return judgeOne, nil })
}

func judgeOne(object judge.Object) ([]string, bool) {
	if object.Kind != "InferenceService" {
		return nil, false
	}
	var service v1beta1.InferenceService
	if err := yaml.UnmarshalStrict(object.Raw, &service); err != nil {
		return []string{err.Error()}, true
	}
	if _, err := (&v1beta1.InferenceServiceValidator{}).ValidateCreate(context.Background(), &service); err != nil {
		return []string{err.Error()}, true
	}
	return nil, true
}
