package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"

	"github.com/argoproj/argo-events/pkg/apis/events/v1alpha1"
	"github.com/argoproj/argo-events/pkg/eventsources/events"
	"github.com/argoproj/argo-events/pkg/sensors/dependencies"
	"github.com/argoproj/argo-events/pkg/sensors/triggers"
	standardk8s "github.com/argoproj/argo-events/pkg/sensors/triggers/standard-k8s"
	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/runtime"
	dynamicfake "k8s.io/client-go/dynamic/fake"

	"cdk8s-mlops.dev/test/upstream/judge"
)

// received is a request that the webhook of an EventSource took.
type received struct {
	Context *v1alpha1.EventContext `json:"context"`
	Header  http.Header            `json:"header"`
	Body    json.RawMessage        `json:"body"`
}

// outcome is what one trigger of a Sensor did with one event.
type outcome struct {
	Sensor string `json:"sensor"`
	Passed bool   `json:"passed"`
	Error  string `json:"error,omitempty"`
	Object any    `json:"object,omitempty"`
}

// printTriggers gives every event to every Sensor, in order and in one namespace that remembers what was created, and prints a line
// for each. Filters, parameters and the creation are the library's, as its listener calls them.
func printTriggers(all []judge.Object, path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var requests []received
	if err := json.Unmarshal(content, &requests); err != nil {
		return err
	}
	cluster := dynamicfake.NewSimpleDynamicClient(runtime.NewScheme())
	out := json.NewEncoder(os.Stdout)
	for _, request := range requests {
		event, err := request.event()
		if err != nil {
			return err
		}
		for _, object := range all {
			if object.Kind != "Sensor" {
				continue
			}
			sensor, err := sensorOf(object, all)
			if err != nil {
				return err
			}
			for _, trigger := range sensor.Spec.Triggers {
				if err := out.Encode(handle(cluster, sensor, trigger, event)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// event is what the EventSource puts on the bus.
func (r received) event() (*v1alpha1.Event, error) {
	r.Context.DataContentType = v1alpha1.MediaTypeJSON
	data, err := json.Marshal(events.WebhookEventData{Header: r.Header, Body: &r.Body})
	return &v1alpha1.Event{Context: r.Context, Data: data}, err
}

func handle(cluster *dynamicfake.FakeDynamicClient, sensor *v1alpha1.Sensor, trigger v1alpha1.Trigger, event *v1alpha1.Event) outcome {
	result := outcome{Sensor: sensor.Name}
	dependency := sensor.Spec.Dependencies[0]
	passed, err := dependencies.Filter(event, dependency.Filters, dependency.FiltersLogicalOperator)
	result.Passed = passed
	if err == nil && passed {
		result.Object, err = create(cluster, sensor, trigger, map[string]*v1alpha1.Event{dependency.Name: event})
	}
	if err != nil {
		result.Error = err.Error()
	}
	return result
}

func create(cluster *dynamicfake.FakeDynamicClient, sensor *v1alpha1.Sensor, trigger v1alpha1.Trigger, of map[string]*v1alpha1.Event) (any, error) {
	ctx := context.Background()
	if err := triggers.ApplyTemplateParameters(of, &trigger); err != nil {
		return nil, err
	}
	it := standardk8s.NewStandardK8sTrigger(nil, cluster, sensor, &trigger, zap.NewNop().Sugar())
	resource, err := it.FetchResource(ctx)
	if err != nil {
		return nil, err
	}
	if resource, err = it.ApplyResourceParameters(of, resource); err != nil {
		return nil, err
	}
	return it.Execute(ctx, of, resource)
}
