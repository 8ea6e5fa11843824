// Command argo-workflows judges WorkflowTemplates, CronWorkflows and Workflows by Argo's own validation: references, parameters,
// outputs, dependencies, conditions, cycles, schedules.
package main

import (
	"context"
	"fmt"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/util/expr/argoexpr"
	"github.com/argoproj/argo-workflows/v3/workflow/validate"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"cdk8s-mlops.dev/test/upstream/judge"
)

// templates are the WorkflowTemplates of a namespace; what is not among the objects does not exist.
type templates map[string]*wfv1.WorkflowTemplate

func (t templates) Get(name string) (*wfv1.WorkflowTemplate, error) {
	if found, ok := t[name]; ok {
		return found, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "workflowtemplates"}, name)
}

type noClusterTemplates struct{}

func (noClusterTemplates) Get(name string) (*wfv1.ClusterWorkflowTemplate, error) {
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "clusterworkflowtemplates"}, name)
}

func main() { judge.Main(prepare) }

func prepare(all []judge.Object) (judge.Judge, error) {
	namespaces := map[string]templates{}
	for _, object := range all {
		var template wfv1.WorkflowTemplate
		if object.Kind != "WorkflowTemplate" || yaml.Unmarshal(object.Raw, &template) != nil {
			continue
		}
		if namespaces[object.Metadata.Namespace] == nil {
			namespaces[object.Metadata.Namespace] = templates{}
		}
		namespaces[object.Metadata.Namespace][object.Metadata.Name] = &template
	}
	return func(object judge.Object) ([]string, bool) {
		known := namespaces[object.Metadata.Namespace]
		var err error
		switch object.Kind {
		case "WorkflowTemplate":
			err = judgeTemplate(object, known)
		case "CronWorkflow":
			err = judgeCron(object, known)
		case "Workflow":
			err = judgeRun(object, known)
		default:
			return nil, false
		}
		if err != nil {
			return []string{err.Error()}, true
		}
		return nil, true
	}, nil
}

func judgeTemplate(object judge.Object, known templates) error {
	var template wfv1.WorkflowTemplate
	if err := yaml.UnmarshalStrict(object.Raw, &template); err != nil {
		return err
	}
	for _, each := range template.Spec.Templates {
		if err := judgeRetries(each); err != nil {
			return err
		}
	}
	return validate.ValidateWorkflowTemplate(known, noClusterTemplates{}, &template, nil, validate.ValidateOpts{Lint: true})
}

// judgeRetries evaluates the expression that decides on a retry with the variables that the controller gives it: validation
// leaves that to the first failure of a pod.
func judgeRetries(template wfv1.Template) error {
	if template.RetryStrategy == nil || template.RetryStrategy.Expression == "" {
		return nil
	}
	lastRetry := map[string]any{"status": "Failed", "exitCode": "137", "duration": "10", "message": "Error (exit code 137)"}
	if _, err := argoexpr.EvalBool(template.RetryStrategy.Expression, map[string]any{"lastRetry": lastRetry}); err != nil {
		return fmt.Errorf("retryStrategy.expression of template %s: %w", template.Name, err)
	}
	return nil
}

func judgeCron(object judge.Object, known templates) error {
	var cron wfv1.CronWorkflow
	if err := yaml.UnmarshalStrict(object.Raw, &cron); err != nil {
		return err
	}
	return validate.ValidateCronWorkflow(context.Background(), known, noClusterTemplates{}, &cron, nil)
}

func judgeRun(object judge.Object, known templates) error {
	var run wfv1.Workflow
	if err := yaml.UnmarshalStrict(object.Raw, &run); err != nil {
		return err
	}
	return validate.ValidateWorkflow(known, noClusterTemplates{}, &run, nil, validate.ValidateOpts{})
}
