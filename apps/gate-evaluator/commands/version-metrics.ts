import { METRICS, MLFLOW_ALIASES, VERSION_ROLES } from 'cdk8s-mlops/contract';
import { type SetGauge } from '../../common/exposition';
import { type Registry } from '../registry/registry';

/** Which version is stable and which is candidate now: the same series for whoever changed it. */
export async function versionRoles(registry: Registry, model: string): Promise<(set: SetGauge) => void> {
  const [champion, challenger] = await Promise.all([
    registry.versionByAlias(model, MLFLOW_ALIASES.champion),
    registry.versionByAlias(model, MLFLOW_ALIASES.challenger),
  ]);
  return (set) => {
    if (champion) set(METRICS.versionInfo, 1, { version: champion.version, role: VERSION_ROLES.stable });
    if (challenger) set(METRICS.versionInfo, 1, { version: challenger.version, role: VERSION_ROLES.candidate });
  };
}
