package account;

import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;

/**
 * The job 'account view' as Flink SQL: state on the heap, mini-batches, exactly-once sink, a checkpoint a second.
 * It reads the same Avro topics as Concord through the format of {@link FlinkFrames}.
 */
public final class FlinkView {
  private static final String[][] TABLES = {
    {"accounts", "name STRING, status STRING, currency STRING, paid_cents BIGINT"},
    {"subscriptions", "account_id BIGINT, status STRING, mrr_cents BIGINT"},
    {"invoices", "account_id BIGINT, total_cents BIGINT"},
    {"payments", "invoice_id BIGINT, amount_cents BIGINT"},
    {"cases", "account_id BIGINT, status STRING"},
  };
  private static final String VIEW = """
      INSERT INTO account_view
      SELECT a.id, a.name, a.currency, a.status, a.paid_cents,
             COALESCE(p.amount, 0), COALESCE(p.n, 0), COALESCE(i.n, 0), COALESCE(i.amount, 0),
             COALESCE(s.n, 0), COALESCE(s.mrr, 0), COALESCE(c.n, 0), COALESCE(c.n_open, 0)
      FROM accounts a
      LEFT JOIN (SELECT account_id, COUNT(*) n, SUM(mrr_cents) FILTER (WHERE status = 'active') mrr
                 FROM subscriptions GROUP BY account_id) s ON s.account_id = a.id
      LEFT JOIN (SELECT account_id, COUNT(*) n, SUM(total_cents) amount
                 FROM invoices GROUP BY account_id) i ON i.account_id = a.id
      LEFT JOIN (SELECT v.account_id, COUNT(*) n, SUM(q.amount_cents) amount
                 FROM payments q JOIN invoices v ON q.invoice_id = v.id GROUP BY v.account_id) p ON p.account_id = a.id
      LEFT JOIN (SELECT account_id, COUNT(*) n, COUNT(*) FILTER (WHERE status = 'open') n_open
                 FROM cases GROUP BY account_id) c ON c.account_id = a.id
      """;

  private FlinkView() {}

  /** Runs until it is killed. */
  public static void main(String[] words) throws Exception {
    Job job = Job.of(words);
    StreamExecutionEnvironment environment = StreamExecutionEnvironment.createLocalEnvironment(2, configuration(job));
    StreamTableEnvironment tables = StreamTableEnvironment.create(environment);
    tables.getConfig().set("table.exec.mini-batch.enabled", "true");
    tables.getConfig().set("table.exec.mini-batch.allow-latency", "500 ms");
    tables.getConfig().set("table.exec.mini-batch.size", "5000");
    for (String[] table : TABLES) {
      tables.executeSql(String.format(
          "CREATE TABLE %s (id BIGINT, %s, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'kafka', 'topic' = '%s',"
              + " 'properties.bootstrap.servers' = '%s', 'properties.group.id' = '%s',"
              + " 'scan.startup.mode' = 'earliest-offset', 'format' = '%s', '%s.registry' = '%s')",
          table[0], table[1], job.get(table[0]), job.get("kafka"), job.get("run"), FlinkFrames.NAME, FlinkFrames.NAME,
          job.get("registry")));
    }
    tables.executeSql(String.format(
        "CREATE TABLE account_view (id BIGINT, name STRING, currency STRING, status STRING, reported BIGINT, paid BIGINT,"
            + " payments BIGINT, invoices BIGINT, billed BIGINT, subscriptions BIGINT, mrr BIGINT, cases BIGINT,"
            + " cases_open BIGINT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = '%s',"
            + " 'properties.bootstrap.servers' = '%s', 'key.format' = 'json', 'value.format' = 'json',"
            + " 'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = '%s',"
            + " 'properties.transaction.timeout.ms' = '120000', 'properties.linger.ms' = '5',"
            + " 'properties.batch.size' = '262144')",
        job.get("output"), job.get("kafka"), job.get("run")));
    tables.executeSql(VIEW).await();
  }

  private static Configuration configuration(Job job) {
    Configuration settings = new Configuration();
    settings.setString("state.backend.type", "hashmap");
    settings.setString("execution.checkpointing.interval", "1s");
    settings.setString("execution.checkpointing.dir", "file://" + job.get("state"));
    settings.setString("taskmanager.memory.managed.size", "256m");
    settings.setString("taskmanager.memory.network.min", "128m");
    settings.setString("taskmanager.memory.network.max", "128m");
    settings.setString("pipeline.object-reuse", "true");
    settings.setString("restart-strategy.type", "none");
    return settings;
  }
}
