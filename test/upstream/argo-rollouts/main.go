// Command argo-rollouts judges Rollouts and AnalysisTemplates by Argo's own validation, each template also as the step
// analysis of a Rollout, where a metric that would never end is refused.
package main

import (
	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/validation"
	analysisutil "github.com/argoproj/argo-rollouts/utils/analysis"
	"sigs.k8s.io/yaml"

	"cdk8s-mlops.dev/test/upstream/judge"
)

func main() {
	judge.Main(func([]judge.Object) (judge.Judge, error) { return judgeOne, nil })
}

func judgeOne(object judge.Object) (problems []string, known bool) {
	switch object.Kind {
	case "Rollout":
		var rollout v1alpha1.Rollout
		if err := yaml.UnmarshalStrict(object.Raw, &rollout); err != nil {
			return []string{err.Error()}, true
		}
		for _, each := range validation.ValidateRollout(&rollout) {
			problems = append(problems, each.Error())
		}
		return problems, true
	case "AnalysisTemplate":
		var template v1alpha1.AnalysisTemplate
		if err := yaml.UnmarshalStrict(object.Raw, &template); err != nil {
			return []string{err.Error()}, true
		}
		return judgeTemplate(&template), true
	}
	return nil, false
}

func judgeTemplate(template *v1alpha1.AnalysisTemplate) (problems []string) {
	if err := analysisutil.ValidateMetrics(template.Spec.Metrics); err != nil {
		problems = append(problems, err.Error())
	}
	// A Rollout brings the values of the arguments that have none of their own.
	placeholder := "value"
	for i := range template.Spec.Args {
		if template.Spec.Args[i].Value == nil && template.Spec.Args[i].ValueFrom == nil {
			template.Spec.Args[i].Value = &placeholder
		}
	}
	with := validation.AnalysisTemplatesWithType{
		AnalysisTemplates: []*v1alpha1.AnalysisTemplate{template},
		TemplateType:      validation.InlineAnalysis,
	}
	for _, each := range validation.ValidateAnalysisTemplatesWithType(&v1alpha1.Rollout{}, with) {
		problems = append(problems, each.Error())
	}
	return problems
}
