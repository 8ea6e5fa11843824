// Command argo-events judges EventBuses, EventSources and Sensors by Argo Events' own validation, each by strict decoding first.
//
// With -events FILE it prints instead what the Sensors do with events, with -objects what the controllers make of all objects in a
// cluster, and with -listen PORT what the webhook of the EventSource takes.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/argoproj/argo-events/pkg/apis/events/v1alpha1"
	"github.com/argoproj/argo-events/pkg/reconciler/eventbus"
	"github.com/argoproj/argo-events/pkg/reconciler/eventsource"
	"github.com/argoproj/argo-events/pkg/reconciler/sensor"
	"sigs.k8s.io/yaml"

	"cdk8s-mlops.dev/test/upstream/judge"
)

func main() {
	events := flag.String("events", "", "print what the Sensors do with the events of this file")
	objects := flag.Bool("objects", false, "print what the controllers make of the objects")
	port := flag.String("listen", "", "run the webhook of the EventSource on this port, and print what it takes")
	flag.Parse()
	if *events == "" && !*objects && *port == "" {
		judge.Main(prepare)
		return
	}
	if err := run(*events, *port); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func run(events, port string) error {
	all, err := judge.Read(os.Stdin)
	if err != nil {
		return err
	}
	switch {
	case events != "":
		return printTriggers(all, events)
	case port != "":
		return listen(all, port)
	default:
		return printObjects(all)
	}
}

func prepare(all []judge.Object) (judge.Judge, error) {
	return func(object judge.Object) ([]string, bool) {
		var err error
		switch object.Kind {
		case "EventBus":
			_, err = busOf(object)
		case "EventSource":
			_, err = sourceOf(object, all)
		case "Sensor":
			_, err = sensorOf(object, all)
		default:
			return nil, false
		}
		if err != nil {
			return []string{err.Error()}, true
		}
		return nil, true
	}, nil
}

func busOf(object judge.Object) (*v1alpha1.EventBus, error) {
	bus := &v1alpha1.EventBus{}
	if err := yaml.UnmarshalStrict(object.Raw, bus); err != nil {
		return nil, err
	}
	if err := eventbus.ValidateEventBus(bus); err != nil {
		return nil, err
	}
	if js := bus.Spec.JetStream; js != nil {
		if _, err := controllerConfig.GetJetStreamVersion(js.Version); err != nil {
			return nil, err
		}
	}
	return bus, nil
}

func sourceOf(object judge.Object, all []judge.Object) (*v1alpha1.EventSource, error) {
	source := &v1alpha1.EventSource{}
	if err := yaml.UnmarshalStrict(object.Raw, source); err != nil {
		return nil, err
	}
	if _, err := busNamed(source.Spec.EventBusName, object, all); err != nil {
		return nil, err
	}
	return source, eventsource.ValidateEventSource(source)
}

func sensorOf(object judge.Object, all []judge.Object) (*v1alpha1.Sensor, error) {
	it := &v1alpha1.Sensor{}
	if err := yaml.UnmarshalStrict(object.Raw, it); err != nil {
		return nil, err
	}
	bus, err := busNamed(it.Spec.EventBusName, object, all)
	if err != nil {
		return nil, err
	}
	return it, sensor.ValidateSensor(it, bus)
}

// busNamed finds a bus as the controllers do; one that is not among the objects may exist already, of the same kind as ours.
func busNamed(name string, user judge.Object, all []judge.Object) (*v1alpha1.EventBus, error) {
	if name == "" {
		name = v1alpha1.DefaultEventBusName
	}
	for _, each := range all {
		if each.Kind == "EventBus" && each.Metadata.Name == name && each.Metadata.Namespace == user.Metadata.Namespace {
			return busOf(each)
		}
	}
	if name != v1alpha1.DefaultEventBusName {
		return &v1alpha1.EventBus{Spec: v1alpha1.EventBusSpec{JetStream: &v1alpha1.JetStreamBus{}}}, nil
	}
	return nil, fmt.Errorf("eventbus %s not found", name)
}
