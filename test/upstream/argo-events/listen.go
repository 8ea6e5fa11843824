package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/argoproj/argo-events/pkg/eventsources/common"
	"github.com/argoproj/argo-events/pkg/eventsources/sources/webhook"
	"github.com/argoproj/argo-events/pkg/metrics"
	"github.com/argoproj/argo-events/pkg/shared/logging"
	"go.uber.org/zap"

	"cdk8s-mlops.dev/test/upstream/judge"
)

// listen runs the webhook of the one EventSource on another port, and prints what it would put on the bus, a line for each event. The
// token is not asked for: the library reads it from a volume at a fixed path.
func listen(all []judge.Object, port string) error {
	for _, object := range all {
		if object.Kind != "EventSource" {
			continue
		}
		source, err := sourceOf(object, all)
		if err != nil {
			return err
		}
		for name, hook := range source.Spec.Webhook {
			hook.Port = port
			hook.AuthSecret = nil
			listener := webhook.EventListener{
				EventSourceName: source.Name,
				EventName:       name,
				Webhook:         hook,
				Metrics:         metrics.NewMetrics(source.Namespace),
			}
			ctx := logging.WithLogger(context.Background(), zap.NewNop().Sugar())
			return listener.StartListening(ctx, func(data []byte, _ ...common.Option) error {
				_, err := fmt.Println(string(data))
				return err
			})
		}
	}
	return errors.New("there is no EventSource with a webhook")
}
