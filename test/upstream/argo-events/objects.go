package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/argoproj/argo-events/pkg/apis/events/v1alpha1"
	"github.com/argoproj/argo-events/pkg/reconciler"
	"github.com/argoproj/argo-events/pkg/reconciler/eventbus/installer"
	"github.com/argoproj/argo-events/pkg/reconciler/eventsource"
	"github.com/argoproj/argo-events/pkg/reconciler/sensor"
	"go.uber.org/zap"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	kubernetesfake "k8s.io/client-go/kubernetes/fake"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"cdk8s-mlops.dev/test/upstream/judge"
)

const image = "quay.io/argoproj/argo-events:v1.9.11"

// controllerConfig is the part of the ConfigMap argo-events-controller-config of v1.9.11 that a bus of ours can meet: every version
// that it offers, but for "latest" and the variants on Alpine.
var controllerConfig = reconciler.GlobalConfig{EventBus: &reconciler.EventBusConfig{JetStream: &reconciler.JetStreamConfig{
	StreamConfig: "replicas: 3\n",
	Versions: []reconciler.JetStreamVersion{
		version("2.8.1", "0.9.1", "0.7.0"), version("2.8.2", "0.9.1", "0.7.0"), version("2.9.1", "0.9.1", "0.7.0"),
		version("2.9.12", "0.9.1", "0.7.0"), version("2.9.16", "0.9.1", "0.7.0"), version("2.10.29", "0.14.0", "0.14.0"),
	},
}}}

func version(nats, exporter, reloader string) reconciler.JetStreamVersion {
	return reconciler.JetStreamVersion{
		Version:              nats,
		NatsImage:            "nats:" + nats,
		MetricsExporterImage: "natsio/prometheus-nats-exporter:" + exporter,
		ConfigReloaderImage:  "natsio/nats-server-config-reloader:" + reloader,
		StartCommand:         "/nats-server",
	}
}

// printObjects prints a line for every workload and Service that the controllers make of the objects: of buses first, since nothing
// else is made before its bus is ready.
func printObjects(all []judge.Object) error {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return err
	}
	cluster := fake.NewClientBuilder().WithScheme(scheme).Build()
	for _, make := range []func(client.Client, judge.Object, []judge.Object) error{install, makeSource, makeSensor} {
		for _, object := range all {
			if err := make(cluster, object, all); err != nil {
				return err
			}
		}
	}
	return printMade(cluster)
}

func install(cluster client.Client, object judge.Object, _ []judge.Object) error {
	if object.Kind != "EventBus" {
		return nil
	}
	bus, err := busOf(object)
	if err != nil {
		return err
	}
	ctx, logger := context.Background(), zap.NewNop().Sugar()
	bus.UID = types.UID(bus.Name)
	bus.Status.InitConditions()
	if err := installer.Install(ctx, bus, cluster, kubernetesfake.NewClientset(), &controllerConfig, logger); err != nil {
		return err
	}
	// What the controller says when it has seen the pods run.
	bus.Status.MarkDeployed("Succeeded", "")
	bus.Status.MarkConfigured()
	return cluster.Create(ctx, bus)
}

func makeSource(cluster client.Client, object judge.Object, all []judge.Object) error {
	if object.Kind != "EventSource" {
		return nil
	}
	source, err := sourceOf(object, all)
	if err != nil {
		return err
	}
	source.UID = types.UID(source.Name)
	labels := map[string]string{
		"controller":                  "eventsource-controller",
		v1alpha1.LabelEventSourceName: source.Name,
		v1alpha1.LabelOwnerName:       source.Name,
	}
	args := &eventsource.AdaptorArgs{Image: image, EventSource: source, Labels: labels}
	return eventsource.Reconcile(cluster, args, zap.NewNop().Sugar())
}

func makeSensor(cluster client.Client, object judge.Object, all []judge.Object) error {
	if object.Kind != "Sensor" {
		return nil
	}
	it, err := sensorOf(object, all)
	if err != nil {
		return err
	}
	name := it.Spec.EventBusName
	if name == "" {
		name = v1alpha1.DefaultEventBusName
	}
	bus := &v1alpha1.EventBus{}
	if err := cluster.Get(context.Background(), client.ObjectKey{Namespace: it.Namespace, Name: name}, bus); err != nil {
		return err
	}
	it.UID = types.UID(it.Name)
	labels := map[string]string{
		"controller":             "sensor-controller",
		v1alpha1.LabelSensorName: it.Name,
		v1alpha1.LabelOwnerName:  it.Name,
	}
	return sensor.Reconcile(cluster, bus, &sensor.AdaptorArgs{Image: image, Sensor: it, Labels: labels}, zap.NewNop().Sugar())
}

func printMade(cluster client.Client) error {
	out := json.NewEncoder(os.Stdout)
	ctx := context.Background()
	var deployments appsv1.DeploymentList
	var sets appsv1.StatefulSetList
	var services corev1.ServiceList
	for _, list := range []client.ObjectList{&deployments, &sets, &services} {
		if err := cluster.List(ctx, list); err != nil {
			return err
		}
	}
	for _, each := range deployments.Items {
		each.APIVersion, each.Kind = "apps/v1", "Deployment"
		if err := out.Encode(each); err != nil {
			return err
		}
	}
	for _, each := range sets.Items {
		each.APIVersion, each.Kind = "apps/v1", "StatefulSet"
		if err := out.Encode(each); err != nil {
			return err
		}
	}
	for _, each := range services.Items {
		each.APIVersion, each.Kind = "v1", "Service"
		if err := out.Encode(each); err != nil {
			return err
		}
	}
	return nil
}
