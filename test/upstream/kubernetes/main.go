// Command kubernetes judges objects of the built-in kinds as the API server does: strict decoding, defaulting, and the
// validation of each kind; and every pod that a workload would make by the Pod Security profile that its namespace
// enforces.
package main

import (
	"encoding/json"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	podutil "k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/apps"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/autoscaling"
	_ "k8s.io/kubernetes/pkg/apis/autoscaling/install"
	autoscalingvalidation "k8s.io/kubernetes/pkg/apis/autoscaling/validation"
	"k8s.io/kubernetes/pkg/apis/batch"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	batchvalidation "k8s.io/kubernetes/pkg/apis/batch/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/networking"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	networkingvalidation "k8s.io/kubernetes/pkg/apis/networking/validation"
	"k8s.io/kubernetes/pkg/apis/policy"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	policyvalidation "k8s.io/kubernetes/pkg/apis/policy/validation"
	"k8s.io/kubernetes/pkg/apis/rbac"
	_ "k8s.io/kubernetes/pkg/apis/rbac/install"
	rbacvalidation "k8s.io/kubernetes/pkg/apis/rbac/validation"

	"cdk8s-mlops.dev/test/upstream/judge"
)

func main() { judge.Main(prepare) }

func prepare(all []judge.Object) (judge.Judge, error) {
	parsed := map[string]*unstructured.Unstructured{}
	var objects []*unstructured.Unstructured
	for _, object := range all {
		each := &unstructured.Unstructured{}
		if err := json.Unmarshal(object.Raw, &each.Object); err != nil {
			return nil, err
		}
		objects = append(objects, each)
		parsed[string(object.Raw)] = each
	}
	decoder := serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	security := newPodSecurity(objects)
	return func(object judge.Object) ([]string, bool) {
		each := parsed[string(object.Raw)]
		problems, known := judgeKind(decoder, object.Raw, each)
		secured, hasPods := security.judge(each)
		return append(problems, secured...), known || hasPods
	}, nil
}

func judgeKind(decoder runtime.Decoder, raw []byte, object *unstructured.Unstructured) (problems []string, known bool) {
	gvk := object.GroupVersionKind()
	if !legacyscheme.Scheme.Recognizes(gvk) {
		return nil, false
	}
	decoded, _, err := decoder.Decode(raw, nil, nil)
	if err != nil {
		return []string{err.Error()}, true
	}
	legacyscheme.Scheme.Default(decoded)
	internal, err := legacyscheme.Scheme.ConvertToVersion(decoded, runtime.InternalGroupVersioner)
	if err != nil {
		return []string{err.Error()}, true
	}
	errs, known := validate(internal)
	if !known {
		return []string{"this judge has no validation for " + gvk.String()}, true
	}
	for _, each := range errs {
		problems = append(problems, each.Error())
	}
	return problems, true
}

func validate(object runtime.Object) (field.ErrorList, bool) {
	options := func(template *core.PodTemplateSpec) corevalidation.PodValidationOptions {
		return podutil.GetValidationOptionsFromPodTemplate(template, nil)
	}
	switch o := object.(type) {
	case *apps.Deployment:
		return appsvalidation.ValidateDeployment(o, options(&o.Spec.Template)), true
	case *apps.DaemonSet:
		return appsvalidation.ValidateDaemonSet(o, options(&o.Spec.Template)), true
	case *apps.StatefulSet:
		return appsvalidation.ValidateStatefulSet(o, options(&o.Spec.Template)), true
	case *batch.CronJob:
		return batchvalidation.ValidateCronJobCreate(o, options(&o.Spec.JobTemplate.Spec.Template)), true
	case *autoscaling.HorizontalPodAutoscaler:
		o.ResourceVersion = ""
		return autoscalingvalidation.ValidateHorizontalPodAutoscaler(o, autoscalingvalidation.HorizontalPodAutoscalerSpecValidationOptions{
			MinReplicasLowerBound: 1,
		}), true
	case *core.ConfigMap:
		return corevalidation.ValidateConfigMap(o), true
	case *core.Secret:
		return corevalidation.ValidateSecret(o), true
	case *core.ServiceAccount:
		return corevalidation.ValidateServiceAccount(o), true
	case *core.Service:
		// The address is allocated between defaulting and validation; a headless one needs none.
		o.Spec.ClusterIP, o.Spec.ClusterIPs = "None", []string{"None"}
		o.Spec.IPFamilies = []core.IPFamily{core.IPv4Protocol}
		single := core.IPFamilyPolicySingleStack
		o.Spec.IPFamilyPolicy = &single
		return corevalidation.ValidateServiceCreate(o), true
	case *core.Namespace:
		return corevalidation.ValidateNamespace(o), true
	case *core.ResourceQuota:
		return corevalidation.ValidateResourceQuota(o), true
	case *core.LimitRange:
		return corevalidation.ValidateLimitRange(o), true
	case *core.PersistentVolumeClaim:
		return corevalidation.ValidatePersistentVolumeClaim(o, corevalidation.ValidationOptionsForPersistentVolumeClaim(o, nil)), true
	case *networking.NetworkPolicy:
		return networkingvalidation.ValidateNetworkPolicy(o, networkingvalidation.NetworkPolicyValidationOptions{}), true
	case *policy.PodDisruptionBudget:
		return policyvalidation.ValidatePodDisruptionBudget(o, policyvalidation.PodDisruptionBudgetValidationOptions{}), true
	case *rbac.Role:
		return rbacvalidation.ValidateRole(o), true
	case *rbac.RoleBinding:
		return rbacvalidation.ValidateRoleBinding(o), true
	}
	return nil, false
}
