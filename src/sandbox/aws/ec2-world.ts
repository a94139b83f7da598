import {
  createInstances,
  type Instance,
  instanceFrom,
  type Instances,
  type InstancesOptions,
  instanceXml,
  stateXml,
} from "./ec2-instances.ts";
import { type Form, Refused, type XmlRecord } from "./query-api.ts";
import { matches, securityGroupActions } from "./security-group-world.ts";

/** EC2 of the stand-in. */
export interface Ec2World {
  readonly instances: Instances;
  /** Whether a security group exists. */
  hasGroup(id: string): boolean;
  serve(action: string, form: Form): XmlRecord;
  stop(): Promise<void>;
}

/** Makes EC2; `usesGroup` tells whether something outside EC2 uses a security group. */
export function createEc2(options: InstancesOptions, usesGroup: (id: string) => boolean): Ec2World {
  const instances = createInstances(options);
  const groups = securityGroupActions(
    (id) => usesGroup(id) || living(instances).some(({ securityGroupIds }) => securityGroupIds.includes(id)),
  );
  const actions = instanceActions(instances, options.profiles, (id) => groups.groups.has(id));
  return {
    instances,
    hasGroup: (id) => groups.groups.has(id),
    serve: (action, form) => {
      const answer = actions[action]?.(form) ?? groups.serve(action, form);
      if (answer === undefined)
        throw new Refused("InvalidAction", `The action ${action} is not valid for this web service.`);
      return answer;
    },
    stop: () => instances.stop(),
  };
}

type Actions = Readonly<Record<string, (form: Form) => XmlRecord>>;

/** The actions that begin or end something, or change it, and those that only look. */
function instanceActions(
  instances: Instances,
  profiles: InstancesOptions["profiles"],
  hasGroup: (id: string) => boolean,
): Actions {
  return {
    ...lookingActions(instances),
    RunInstances: (form) => {
      for (const id of form.list("SecurityGroupId")) {
        if (!hasGroup(id)) throw new Refused("InvalidGroup.NotFound", `The security group '${id}' does not exist`);
      }
      if (form.get("DryRun") === "true") {
        instanceFrom(form, profiles);
        throw new Refused("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412);
      }
      return { instancesSet: { item: [instanceXml(instances.run(form))] } };
    },
    ModifyInstanceAttribute: (form) => {
      const instance = instances.find(form.need("InstanceId"));
      const protection = form.get("DisableApiTermination.Value");
      if (protection === undefined)
        throw new Refused("InvalidParameterCombination", "only disableApiTermination can be changed here");
      instance.isProtected = protection === "true";
      return { return: true };
    },
    TerminateInstances: (form) => {
      const ended = form.list("InstanceId").map((id) => {
        const previousState = stateXml(instances.find(id));
        return { instanceId: id, previousState, currentState: stateXml(instances.terminate(id)) };
      });
      return { instancesSet: { item: ended } };
    },
  };
}

function lookingActions(instances: Instances): Actions {
  return {
    DescribeInstances: (form) => {
      const wanted = form.list("InstanceId");
      const chosen = wanted.length === 0 ? [...instances.all.values()] : wanted.map((id) => instances.find(id));
      const facts = (state: string): Record<string, string> => ({ "instance-state-name": state });
      const found = chosen.filter(({ state, tags }) => matches(form.records("Filter"), facts(state), tags));
      return {
        reservationSet: { item: found.map((instance) => ({ instancesSet: { item: [instanceXml(instance)] } })) },
      };
    },
    DescribeVolumes: (form) => {
      const found = living(instances).filter(({ tags }) => matches(form.records("Filter"), {}, tags));
      return {
        volumeSet: { item: found.map(({ volumeId, volumeGb }) => ({ volumeId, size: volumeGb, status: "in-use" })) },
      };
    },
  };
}

function living(instances: Instances): Instance[] {
  return [...instances.all.values()].filter(({ state }) => state !== "terminated");
}
