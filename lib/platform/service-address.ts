/** The address of a service that exists outside the program, as a network policy must know it. @internal */
export class ServiceAddress {
  /** Namespace of a service in the cluster; undefined for one outside. */
  public readonly namespace?: string;
  /** Port of the pods behind it. */
  public readonly podPort: number;

  constructor(
    /** Base address. */
    public readonly url: string,
    podPort?: number,
  ) {
    const { hostname, port, protocol } = new URL(url);
    const urlPort = port === '' ? { 'http:': 80, 'https:': 443 }[protocol] : Number(port);
    this.podPort = podPort ?? urlPort ?? 443;
    // `name.namespace` alone is also the form of a public host such as dagshub.com, which is reached by https.
    const short = protocol === 'http:' ? /^[^.]+\.([^.]+)$/.exec(hostname)?.[1] : undefined;
    this.namespace = /^[^.]+\.([^.]+)\.svc(\.cluster\.local)?$/.exec(hostname)?.[1] ?? short;
  }
}
