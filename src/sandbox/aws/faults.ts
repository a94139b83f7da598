/** What can go wrong on purpose in the AWS stand-in; each by its name. */
export interface AwsFaults {
  /** The next `times` launches of an instance find no capacity. */
  readonly noCapacity?: { readonly times: number } | undefined;
  /** Instances and databases take this much longer to come up. */
  readonly slowCreation?: { readonly ms: number } | undefined;
  /** Databases end in `failed`, instances in `terminated` with a reason, instead of coming up. */
  readonly creationFails?: { readonly kind: "instance" | "database" } | undefined;
  /** The next `times` answers of the action are lost after it was carried out. */
  readonly lostResponse?: { readonly action: string; readonly times: number } | undefined;
  /** The next `times` requests are answered with `Throttling`. */
  readonly throttling?: { readonly times: number } | undefined;
}

/** The faults that are set, and what is left of those that happen a number of times. */
export interface FaultBox {
  get(): AwsFaults;
  set<Name extends keyof AwsFaults>(name: Name, fault: AwsFaults[Name] | undefined): void;
  /** Whether the counted fault strikes now; each strike uses one up. */
  strikes(name: "noCapacity" | "throttling" | "lostResponse", action?: string): boolean;
}

/** Keeps faults. */
export function faultBox(initial: AwsFaults): FaultBox {
  let faults = initial;
  const set: FaultBox["set"] = (name, fault) => {
    const { [name]: _old, ...others } = faults;
    faults = fault === undefined ? others : { ...others, [name]: fault };
  };
  return {
    get: () => faults,
    set,
    strikes: (name, action) => {
      const fault = faults[name];
      if (fault === undefined || ("action" in fault && fault.action !== action)) return false;
      faults = { ...faults, [name]: fault.times > 1 ? { ...fault, times: fault.times - 1 } : undefined };
      return true;
    },
  };
}
