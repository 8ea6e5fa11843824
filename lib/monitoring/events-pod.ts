import { type EventsContainer, type EventsPod } from '../crds/argo-events';
import { resourceRequirements } from '../platform/container-resources';
import { restrictedContainer, restrictedPod } from '../platform/pod-security';
import { type AlertmanagerTrigger } from './retrain-trigger';

/** Any user but root: the images have none of their own. */
export const EVENTS_USER = 1000;

/** Labels that the controllers of Argo Events give the pods that they make, and by which their Services select them. */
export const EVENTS_LABELS = {
  controller: 'controller',
  bus: 'eventbus-name',
  source: 'eventsource-name',
  sensor: 'sensor-name',
} as const;

/** Where the images' registry wants to know who asks. */
export function imagePullSecrets({
  imagePullSecrets: names,
}: AlertmanagerTrigger): Pick<EventsPod, 'imagePullSecrets'> {
  return names.length === 0 ? {} : { imagePullSecrets: names.map((name) => ({ name })) };
}

/** What the pods of EventSource and Sensor have in common. */
export function eventsPod(
  trigger: AlertmanagerTrigger,
): Pick<EventsPod, 'securityContext' | 'imagePullSecrets'> & { readonly container: EventsContainer } {
  return {
    securityContext: restrictedPod(EVENTS_USER),
    ...imagePullSecrets(trigger),
    container: {
      securityContext: restrictedContainer(),
      resources: resourceRequirements({ cpu: '10m', memory: '64Mi', memoryLimit: '256Mi' }),
    },
  };
}
