BEGIN TRANSACTION;
CREATE TABLE events (
        event_id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL REFERENCES runs, at TEXT NOT NULL,
        seconds REAL NOT NULL, stage TEXT NOT NULL, state TEXT NOT NULL, scenario TEXT NOT NULL, step TEXT NOT NULL,
        reason TEXT NOT NULL, exit_code INTEGER);
INSERT INTO "events" VALUES(1,'night-2026-11-23-d04fbf47','2026-11-28T13:22:48.228+00:00',0.001,'start','done','','','',NULL);
INSERT INTO "events" VALUES(2,'night-2026-11-23-d04fbf47','2026-11-28T13:22:48.593+00:00',0.367,'pull','done','scenario','','5 tables, inputs a2c3981f07f6',NULL);
INSERT INTO "events" VALUES(3,'night-2026-11-23-d04fbf47','2026-11-28T13:22:48.594+00:00',0.368,'check','done','scenario','','',NULL);
INSERT INTO "events" VALUES(4,'night-2026-11-23-d04fbf47','2026-11-28T13:22:48.595+00:00',0.369,'solve','started','scenario','full','',NULL);
INSERT INTO "events" VALUES(5,'night-2026-11-23-d04fbf47','2026-11-28T13:22:51.365+00:00',3.138,'solve','done','scenario','full','verified, gap 0.0000 %',0);
INSERT INTO "events" VALUES(6,'night-2026-11-23-d04fbf47','2026-11-28T13:22:51.533+00:00',3.307,'verify','done','scenario','full','55 rules kept',NULL);
INSERT INTO "events" VALUES(7,'night-2026-11-23-d04fbf47','2026-11-28T13:22:51.538+00:00',3.311,'publish','done','scenario','full','plan 2026-11-23-scenario-5eedfb609fe4',0);
INSERT INTO "events" VALUES(8,'night-2026-11-23-d04fbf47','2026-11-28T13:22:51.541+00:00',3.315,'record','published','','','scenario: plan 2026-11-23-scenario-5eedfb609fe4, full, verified, gap 0.0000 %',0);
INSERT INTO "events" VALUES(9,'night-2026-11-24-8508a902','2026-11-28T13:22:51.551+00:00',0.002,'start','done','','','',NULL);
INSERT INTO "events" VALUES(10,'night-2026-11-24-8508a902','2026-11-28T13:22:51.595+00:00',0.047,'pull','done','scenario','','5 tables, inputs a2c3981f07f6',NULL);
INSERT INTO "events" VALUES(11,'night-2026-11-24-8508a902','2026-11-28T13:22:51.596+00:00',0.048,'check','done','scenario','','',NULL);
INSERT INTO "events" VALUES(12,'night-2026-11-24-8508a902','2026-11-28T13:22:51.597+00:00',0.048,'solve','started','scenario','full','',NULL);
INSERT INTO "events" VALUES(13,'night-2026-11-24-8508a902','2026-11-28T13:22:54.420+00:00',2.872,'solve','done','scenario','full','verified, gap 0.0000 %',0);
INSERT INTO "events" VALUES(14,'night-2026-11-24-8508a902','2026-11-28T13:22:54.489+00:00',2.94,'verify','done','scenario','full','55 rules kept',NULL);
INSERT INTO "events" VALUES(15,'night-2026-11-24-8508a902','2026-11-28T13:22:54.493+00:00',2.944,'publish','done','scenario','full','plan 2026-11-24-scenario-5eedfb609fe4',0);
INSERT INTO "events" VALUES(16,'night-2026-11-24-8508a902','2026-11-28T13:22:54.496+00:00',2.947,'record','published','','','scenario: plan 2026-11-24-scenario-5eedfb609fe4, full, verified, gap 0.0000 %',0);
CREATE TABLE plan_allocations (plan_id TEXT NOT NULL REFERENCES plans (plan_id), "order_id" TEXT, "line_id" TEXT, "product_id" TEXT, "ship_product_id" TEXT, "warehouse_id" TEXT, "lot_id" TEXT, "service_id" TEXT, "ship_date" TEXT, "arrive_date" TEXT, "qty" INTEGER, "ordered_qty_served" INTEGER, "margin" TEXT, "service_value" TEXT, "variable_cost" TEXT, "days_late" INTEGER);
INSERT INTO "plan_allocations" VALUES('2026-11-23-scenario-5eedfb609fe4','O1','1','P','P','W',NULL,'standard','2026-11-20','2026-11-20',3,3,'15','0','0',NULL);
INSERT INTO "plan_allocations" VALUES('2026-11-23-scenario-5eedfb609fe4','O2','1','P','P','W',NULL,'standard','2026-11-20','2026-11-20',1,1,'4','0','0',NULL);
INSERT INTO "plan_allocations" VALUES('2026-11-24-scenario-5eedfb609fe4','O1','1','P','P','W',NULL,'standard','2026-11-20','2026-11-20',3,3,'15','0','0',NULL);
INSERT INTO "plan_allocations" VALUES('2026-11-24-scenario-5eedfb609fe4','O2','1','P','P','W',NULL,'standard','2026-11-20','2026-11-20',1,1,'4','0','0',NULL);
CREATE TABLE plan_shipments (plan_id TEXT NOT NULL REFERENCES plans (plan_id), "shipment_id" TEXT, "order_id" TEXT, "warehouse_id" TEXT, "service_id" TEXT, "ship_date" TEXT, "lines" INTEGER, "units" INTEGER, "weight_kg" TEXT, "fixed_cost" TEXT, "variable_cost" TEXT);
INSERT INTO "plan_shipments" VALUES('2026-11-23-scenario-5eedfb609fe4','O1/W/standard','O1','W','standard','2026-11-20',1,3,'0','0','0');
INSERT INTO "plan_shipments" VALUES('2026-11-23-scenario-5eedfb609fe4','O2/W/standard','O2','W','standard','2026-11-20',1,1,'0','0','0');
INSERT INTO "plan_shipments" VALUES('2026-11-24-scenario-5eedfb609fe4','O1/W/standard','O1','W','standard','2026-11-20',1,3,'0','0','0');
INSERT INTO "plan_shipments" VALUES('2026-11-24-scenario-5eedfb609fe4','O2/W/standard','O2','W','standard','2026-11-20',1,1,'0','0','0');
CREATE TABLE plan_shorts (plan_id TEXT NOT NULL REFERENCES plans (plan_id), "order_id" TEXT, "line_id" TEXT, "product_id" TEXT, "ordered_qty" INTEGER, "allocated_qty" INTEGER, "short_qty" INTEGER, "reason" TEXT, "detail" TEXT);
INSERT INTO "plan_shorts" VALUES('2026-11-23-scenario-5eedfb609fe4','O2','1','P',2,1,1,'stock_taken','3 units of P at W went to 1 order line worth 5.00 a unit; this line earns 4.00 a unit from there; the price of that stock is 4.00 a unit');
INSERT INTO "plan_shorts" VALUES('2026-11-24-scenario-5eedfb609fe4','O2','1','P',2,1,1,'stock_taken','3 units of P at W went to 1 order line worth 5.00 a unit; this line earns 4.00 a unit from there; the price of that stock is 4.00 a unit');
CREATE TABLE plan_transfers (plan_id TEXT NOT NULL REFERENCES plans (plan_id), "from_warehouse_id" TEXT, "to_warehouse_id" TEXT, "product_id" TEXT, "lot_id" TEXT, "qty" INTEGER, "ship_date" TEXT, "arrive_date" TEXT, "cost" TEXT);
CREATE TABLE plans (
        number INTEGER PRIMARY KEY AUTOINCREMENT, plan_id TEXT NOT NULL UNIQUE, run_id TEXT NOT NULL REFERENCES runs,
        config TEXT NOT NULL, business_date TEXT NOT NULL, scenario TEXT NOT NULL, input_digest TEXT NOT NULL,
        step TEXT NOT NULL, exit_code INTEGER NOT NULL, solve_run_id TEXT NOT NULL, engine TEXT NOT NULL,
        objective_value TEXT NOT NULL, gap TEXT, folder TEXT NOT NULL, published_at TEXT NOT NULL,
        UNIQUE (config, business_date, scenario, input_digest));
INSERT INTO "plans" VALUES(1,'2026-11-23-scenario-5eedfb609fe4','night-2026-11-23-d04fbf47','night','2026-11-23','scenario','a2c3981f07f68dfc65d5f18b018aaf5f6e78cad4448bf6567edca3fd5a71f1a4','full',0,'test-bdaca675c8a8','highs highspy 1.13.1','19','0','/srv/allot/night/published/plans/2026-11-23-scenario-5eedfb609fe4','2026-11-28T13:22:51.536+00:00');
INSERT INTO "plans" VALUES(2,'2026-11-24-scenario-5eedfb609fe4','night-2026-11-24-8508a902','night','2026-11-24','scenario','a2c3981f07f68dfc65d5f18b018aaf5f6e78cad4448bf6567edca3fd5a71f1a4','full',0,'test-bdaca675c8a8','highs highspy 1.13.1','19','0','/srv/allot/night/published/plans/2026-11-24-scenario-5eedfb609fe4','2026-11-28T13:22:54.490+00:00');
CREATE TABLE run_inputs (
        run_id TEXT NOT NULL REFERENCES runs, scenario TEXT NOT NULL, table_name TEXT NOT NULL, source TEXT NOT NULL,
        row_count INTEGER NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (run_id, scenario, table_name));
INSERT INTO "run_inputs" VALUES('night-2026-11-23-d04fbf47','scenario','orders','orders.csv',2,'sha256:f224a42aa1cb238a8b0a01f8259693f2a8dfcb5046b36b618c7e4e5438e44290');
INSERT INTO "run_inputs" VALUES('night-2026-11-23-d04fbf47','scenario','order_lines','order_lines.csv',2,'sha256:5c4430dac385ab77ccc55463195949d481c02ed66ece4367681b3b498b813e67');
INSERT INTO "run_inputs" VALUES('night-2026-11-23-d04fbf47','scenario','warehouses','warehouses.csv',1,'sha256:ff98cfc1550ce6fcb8b2122ce6df01ebf6e847b3d83b1ca7ebc9a0f0a2c5756d');
INSERT INTO "run_inputs" VALUES('night-2026-11-23-d04fbf47','scenario','stock','stock.csv',1,'sha256:3d8b5d7b58822870faf78dbc01649a2c520e6788714478c1c4389853290ac70f');
INSERT INTO "run_inputs" VALUES('night-2026-11-23-d04fbf47','scenario','lanes','lanes.csv',1,'sha256:4921f89d31b4f087719b6e14feaffd79e75276ab746461cc9594288e46044ee0');
INSERT INTO "run_inputs" VALUES('night-2026-11-24-8508a902','scenario','orders','orders.csv',2,'sha256:f224a42aa1cb238a8b0a01f8259693f2a8dfcb5046b36b618c7e4e5438e44290');
INSERT INTO "run_inputs" VALUES('night-2026-11-24-8508a902','scenario','order_lines','order_lines.csv',2,'sha256:5c4430dac385ab77ccc55463195949d481c02ed66ece4367681b3b498b813e67');
INSERT INTO "run_inputs" VALUES('night-2026-11-24-8508a902','scenario','warehouses','warehouses.csv',1,'sha256:ff98cfc1550ce6fcb8b2122ce6df01ebf6e847b3d83b1ca7ebc9a0f0a2c5756d');
INSERT INTO "run_inputs" VALUES('night-2026-11-24-8508a902','scenario','stock','stock.csv',1,'sha256:3d8b5d7b58822870faf78dbc01649a2c520e6788714478c1c4389853290ac70f');
INSERT INTO "run_inputs" VALUES('night-2026-11-24-8508a902','scenario','lanes','lanes.csv',1,'sha256:4921f89d31b4f087719b6e14feaffd79e75276ab746461cc9594288e46044ee0');
CREATE TABLE run_scenarios (
        run_id TEXT NOT NULL REFERENCES runs, scenario TEXT NOT NULL, input_digest TEXT NOT NULL,
        plan_id TEXT NOT NULL, settings TEXT NOT NULL, PRIMARY KEY (run_id, scenario));
INSERT INTO "run_scenarios" VALUES('night-2026-11-23-d04fbf47','scenario','a2c3981f07f68dfc65d5f18b018aaf5f6e78cad4448bf6567edca3fd5a71f1a4','2026-11-23-scenario-5eedfb609fe4','{"as_of": "2026-11-20", "currency": "EUR", "finance": null, "name": "test", "objective": {"floors": [], "maximize": null, "minimize": null, "mode": "weighted", "stages": []}, "service": {"measure": "unit", "min_level": {}, "priority_weight": {}, "tier_weight": {}, "value": "0"}, "solve": {"engine": "auto", "explain_rows": 200, "gap": "0.001", "memory_limit_mb": null, "price_rows": 200, "seed": 0, "threads": 2, "time_limit_s": "60"}, "stability": null, "weights": {"holding": "1", "margin": "1", "penalties": "1", "service": "1", "shipping": "1"}}');
INSERT INTO "run_scenarios" VALUES('night-2026-11-24-8508a902','scenario','a2c3981f07f68dfc65d5f18b018aaf5f6e78cad4448bf6567edca3fd5a71f1a4','2026-11-24-scenario-5eedfb609fe4','{"as_of": "2026-11-20", "currency": "EUR", "finance": null, "name": "test", "objective": {"floors": [], "maximize": null, "minimize": null, "mode": "weighted", "stages": []}, "service": {"measure": "unit", "min_level": {}, "priority_weight": {}, "tier_weight": {}, "value": "0"}, "solve": {"engine": "auto", "explain_rows": 200, "gap": "0.001", "memory_limit_mb": null, "price_rows": 200, "seed": 0, "threads": 2, "time_limit_s": "60"}, "stability": null, "weights": {"holding": "1", "margin": "1", "penalties": "1", "service": "1", "shipping": "1"}}');
CREATE TABLE runs (
        run_id TEXT PRIMARY KEY, config TEXT NOT NULL, business_date TEXT NOT NULL, started_at TEXT NOT NULL,
        host TEXT NOT NULL, pid INTEGER NOT NULL, settings TEXT NOT NULL, versions TEXT NOT NULL);
INSERT INTO "runs" VALUES('night-2026-11-23-d04fbf47','night','2026-11-23','2026-11-28T13:22:48.227+00:00','vm',15241,'{"allow_outside": false, "as_of": "scenario", "failure": {"infeasible": "keep", "no_plan": "decompose"}, "limits": {"max_gap": "1", "memory_limit_mb": null, "time_limit_s": null, "wall_limit_s": "3600"}, "name": "night", "publish": "night/published", "scenarios": ["case/scenario.toml"], "tables": {}, "time_zone": "Europe/Berlin"}','{"allot": "0.1.0", "python": "3.11.7"}');
INSERT INTO "runs" VALUES('night-2026-11-24-8508a902','night','2026-11-24','2026-11-28T13:22:51.549+00:00','vm',15241,'{"allow_outside": false, "as_of": "scenario", "failure": {"infeasible": "keep", "no_plan": "decompose"}, "limits": {"max_gap": "1", "memory_limit_mb": null, "time_limit_s": null, "wall_limit_s": "3600"}, "name": "night", "publish": "night/published", "scenarios": ["case/scenario.toml"], "tables": {}, "time_zone": "Europe/Berlin"}','{"allot": "0.1.0", "python": "3.11.7"}');
CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL);
INSERT INTO "schema_migrations" VALUES(1,'registry and plans','2026-11-28T13:22:48.222+00:00');
CREATE INDEX plan_allocations_by_plan ON plan_allocations (plan_id);
CREATE INDEX plan_shipments_by_plan ON plan_shipments (plan_id);
CREATE INDEX plan_transfers_by_plan ON plan_transfers (plan_id);
CREATE INDEX plan_shorts_by_plan ON plan_shorts (plan_id);
CREATE VIEW current_plans AS SELECT * FROM plans AS p WHERE NOT EXISTS (
        SELECT 1 FROM plans AS q WHERE q.config = p.config AND q.scenario = p.scenario
        AND (q.business_date > p.business_date OR (q.business_date = p.business_date AND q.number > p.number)));
CREATE VIEW current_allocations AS SELECT c.config, c.scenario, c.business_date, t.*
            FROM current_plans AS c JOIN plan_allocations AS t ON t.plan_id = c.plan_id;
CREATE VIEW current_shipments AS SELECT c.config, c.scenario, c.business_date, t.*
            FROM current_plans AS c JOIN plan_shipments AS t ON t.plan_id = c.plan_id;
CREATE VIEW current_transfers AS SELECT c.config, c.scenario, c.business_date, t.*
            FROM current_plans AS c JOIN plan_transfers AS t ON t.plan_id = c.plan_id;
CREATE VIEW current_shorts AS SELECT c.config, c.scenario, c.business_date, t.*
            FROM current_plans AS c JOIN plan_shorts AS t ON t.plan_id = c.plan_id;
CREATE TRIGGER runs_no_update BEFORE UPDATE ON runs
                BEGIN SELECT RAISE(ABORT, 'runs is append-only'); END;
CREATE TRIGGER runs_no_delete BEFORE DELETE ON runs
                BEGIN SELECT RAISE(ABORT, 'runs is append-only'); END;
CREATE TRIGGER run_scenarios_no_update BEFORE UPDATE ON run_scenarios
                BEGIN SELECT RAISE(ABORT, 'run_scenarios is append-only'); END;
CREATE TRIGGER run_scenarios_no_delete BEFORE DELETE ON run_scenarios
                BEGIN SELECT RAISE(ABORT, 'run_scenarios is append-only'); END;
CREATE TRIGGER run_inputs_no_update BEFORE UPDATE ON run_inputs
                BEGIN SELECT RAISE(ABORT, 'run_inputs is append-only'); END;
CREATE TRIGGER run_inputs_no_delete BEFORE DELETE ON run_inputs
                BEGIN SELECT RAISE(ABORT, 'run_inputs is append-only'); END;
CREATE TRIGGER events_no_update BEFORE UPDATE ON events
                BEGIN SELECT RAISE(ABORT, 'events is append-only'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events
                BEGIN SELECT RAISE(ABORT, 'events is append-only'); END;
CREATE TRIGGER plans_no_update BEFORE UPDATE ON plans
                BEGIN SELECT RAISE(ABORT, 'plans is append-only'); END;
CREATE TRIGGER plans_no_delete BEFORE DELETE ON plans
                BEGIN SELECT RAISE(ABORT, 'plans is append-only'); END;
CREATE TRIGGER plan_allocations_no_update BEFORE UPDATE ON plan_allocations
                BEGIN SELECT RAISE(ABORT, 'plan_allocations is append-only'); END;
CREATE TRIGGER plan_allocations_no_delete BEFORE DELETE ON plan_allocations
                BEGIN SELECT RAISE(ABORT, 'plan_allocations is append-only'); END;
CREATE TRIGGER plan_shipments_no_update BEFORE UPDATE ON plan_shipments
                BEGIN SELECT RAISE(ABORT, 'plan_shipments is append-only'); END;
CREATE TRIGGER plan_shipments_no_delete BEFORE DELETE ON plan_shipments
                BEGIN SELECT RAISE(ABORT, 'plan_shipments is append-only'); END;
CREATE TRIGGER plan_transfers_no_update BEFORE UPDATE ON plan_transfers
                BEGIN SELECT RAISE(ABORT, 'plan_transfers is append-only'); END;
CREATE TRIGGER plan_transfers_no_delete BEFORE DELETE ON plan_transfers
                BEGIN SELECT RAISE(ABORT, 'plan_transfers is append-only'); END;
CREATE TRIGGER plan_shorts_no_update BEFORE UPDATE ON plan_shorts
                BEGIN SELECT RAISE(ABORT, 'plan_shorts is append-only'); END;
CREATE TRIGGER plan_shorts_no_delete BEFORE DELETE ON plan_shorts
                BEGIN SELECT RAISE(ABORT, 'plan_shorts is append-only'); END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('events',16);
INSERT INTO "sqlite_sequence" VALUES('plans',2);
COMMIT;
