package main

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

// podSecurity judges the pods that workloads and custom resources make by the profile that their namespace enforces.
type podSecurity struct {
	evaluator policy.Evaluator
	levels    map[string]api.Level
	// storage is KServe's storage initializer, as the manifests or its chart have it.
	storage corev1.Container
}

func newPodSecurity(objects []*unstructured.Unstructured) *podSecurity {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		panic(err)
	}
	result := &podSecurity{evaluator: evaluator, levels: map[string]api.Level{}}
	result.storage = corev1.Container{Name: "storage-initializer", Image: "as-shipped:1"}
	for _, object := range objects {
		switch object.GetKind() {
		case "Namespace":
			if level, err := api.ParseLevel(object.GetLabels()[api.EnforceLevelLabel]); err == nil {
				result.levels[object.GetName()] = level
			}
		case "ClusterStorageContainer":
			container, _, _ := unstructured.NestedMap(object.Object, "spec", "container")
			convert(container, &result.storage)
		}
	}
	return result
}

func convert(from any, to any) {
	raw, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(raw, to)
	}
	if err != nil {
		panic(err)
	}
}

func (s *podSecurity) judge(object *unstructured.Unstructured) (problems []string, hasPods bool) {
	level, enforced := s.levels[object.GetNamespace()]
	if !enforced {
		return nil, false
	}
	pods, err := s.pods(object)
	if err != nil {
		return []string{err.Error()}, true
	}
	for name, pod := range pods {
		results := s.evaluator.EvaluatePod(api.LevelVersion{Level: level, Version: api.LatestVersion()}, &metav1.ObjectMeta{}, &pod)
		if aggregate := policy.AggregateCheckResults(results); !aggregate.Allowed {
			problems = append(problems, fmt.Sprintf("%s violates PodSecurity %q: %s", name, level, aggregate.ForbiddenDetail()))
		}
	}
	return problems, len(pods) > 0
}

func (s *podSecurity) pods(object *unstructured.Unstructured) (map[string]corev1.PodSpec, error) {
	pods := map[string]corev1.PodSpec{}
	at := func(fields ...string) {
		if found, ok, _ := unstructured.NestedMap(object.Object, fields...); ok {
			var pod corev1.PodSpec
			convert(found, &pod)
			pods["pod"] = pod
		}
	}
	switch object.GetKind() {
	case "Deployment", "DaemonSet", "StatefulSet", "Job":
		at("spec", "template", "spec")
	case "CronJob":
		at("spec", "jobTemplate", "spec", "template", "spec")
	case "WorkflowTemplate":
		return workflowPods(object)
	case "InferenceService":
		pods["predictor"] = s.predictorPod(object)
	}
	return pods, nil
}

// workflowPods are the pods of a workflow as its controller makes them: the user's container between Argo's own, which have
// no security context but the one that the template patches in.
func workflowPods(object *unstructured.Unstructured) (map[string]corev1.PodSpec, error) {
	pods := map[string]corev1.PodSpec{}
	common, _, _ := unstructured.NestedMap(object.Object, "spec", "securityContext")
	templates, _, _ := unstructured.NestedSlice(object.Object, "spec", "templates")
	for _, each := range templates {
		template := each.(map[string]any)
		container, ok := template["container"]
		if !ok {
			continue
		}
		var pod corev1.PodSpec
		context := template["securityContext"]
		if context == nil {
			context = common
		}
		convert(map[string]any{
			"securityContext": context,
			"volumes":         template["volumes"],
			"initContainers":  []any{map[string]any{"name": "init", "image": "argoexec:1"}},
			"containers":      []any{map[string]any{"name": "wait", "image": "argoexec:1"}, container},
		}, &pod)
		if patch, ok := template["podSpecPatch"].(string); ok {
			patched, err := applyPatch(pod, patch)
			if err != nil {
				return nil, fmt.Errorf("podSpecPatch of %v: %w", template["name"], err)
			}
			pod = patched
		}
		pods[fmt.Sprintf("template %v", template["name"])] = pod
	}
	return pods, nil
}

func applyPatch(pod corev1.PodSpec, patch string) (patched corev1.PodSpec, err error) {
	original, err := json.Marshal(pod)
	if err != nil {
		return pod, err
	}
	patchJSON, err := yaml.YAMLToJSONStrict([]byte(patch))
	if err != nil {
		return pod, err
	}
	merged, err := strategicpatch.StrategicMergePatch(original, patchJSON, corev1.PodSpec{})
	if err != nil {
		return pod, err
	}
	err = json.Unmarshal(merged, &patched)
	return patched, err
}

// predictorPod is the pod of a predictor, with the storage initializer that KServe puts into it.
func (s *podSecurity) predictorPod(object *unstructured.Unstructured) corev1.PodSpec {
	predictor, _, _ := unstructured.NestedMap(object.Object, "spec", "predictor")
	var pod corev1.PodSpec
	convert(map[string]any{
		"securityContext": predictor["securityContext"],
		"volumes":         predictor["volumes"],
		"containers":      predictor["containers"],
	}, &pod)
	if model, ok := predictor["model"].(map[string]any); ok {
		var container corev1.Container
		convert(model, &container)
		container.Name = "kserve-container"
		pod.Containers = append(pod.Containers, container)
	}
	pod.InitContainers = append(pod.InitContainers, s.storage)
	return pod
}
