// Runs one task with Amazon's JavaScript SDK and prints how it ended, as JSON. Everything about the server comes from
// the environment, as in any program that uses the SDK.
const {
  ECSClient,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  paginateListTasks,
  waitUntilTasksRunning,
  waitUntilTasksStopped,
  StopTaskCommand,
  DescribeTasksCommand,
  ClusterNotFoundException,
} = require("@aws-sdk/client-ecs");

async function main() {
  const [cluster, definition] = process.argv.slice(2);
  const client = new ECSClient({ maxAttempts: 1 });
  await client.send(new RegisterTaskDefinitionCommand(JSON.parse(definition)));
  const started = await client.send(new RunTaskCommand({ cluster, taskDefinition: cluster, count: 3 }));
  const tasks = started.tasks.map((task) => task.taskArn);

  const listed = [];
  for await (const page of paginateListTasks({ client, pageSize: 2 }, { cluster })) {
    listed.push(...page.taskArns);
  }

  const patience = { client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 };
  const running = await waitUntilTasksRunning(patience, { cluster, tasks });
  for (const task of tasks) {
    await client.send(new StopTaskCommand({ cluster, task, reason: "seen enough" }));
  }
  const stopped = await waitUntilTasksStopped(patience, { cluster, tasks });
  const described = await client.send(new DescribeTasksCommand({ cluster, tasks }));

  let refused = null;
  try {
    await client.send(new DescribeTasksCommand({ cluster: "no-such", tasks }));
  } catch (error) {
    refused = error instanceof ClusterNotFoundException ? error.message : `${error}`;
  }
  console.log(
    JSON.stringify({
      started: tasks,
      listed,
      running: running.state,
      stopped: stopped.state,
      exitCodes: described.tasks.map((task) => task.containers[0].exitCode),
      reasons: described.tasks.map((task) => task.stoppedReason),
      createdAtIsADate: described.tasks.every((task) => task.createdAt instanceof Date),
      refused,
    }),
  );
}

main();
