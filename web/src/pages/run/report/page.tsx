/** The run's report: of any trainer in the form of PROTOCOL §8, or the GAN's own. */
import { useQuery } from "@tanstack/react-query";
import { call, type Artifact, type Run } from "pulsetrain";
import type { ReactNode } from "react";
import { server } from "../../../app/server.ts";
import { Problem } from "../../../parts/problem.tsx";
import { artifactUrl } from "../files.tsx";
import { Findings } from "./findings.tsx";
import type { Report } from "./form.ts";
import { Quality, type QualityReport } from "./quality.tsx";
import "./findings.css";

export default function ReportView({ run, artifact }: { run: Run; artifact: Artifact | undefined }): ReactNode {
  const report = useQuery({
    queryKey: ["report", run.id, artifact?.digest],
    enabled: artifact !== undefined,
    staleTime: Infinity,
    queryFn: ({ signal }) => call<Report | QualityReport>(server, "GET", `${artifactUrl(run.id, "report.json")}?inline=1`, { signal }),
  });
  if (!artifact) return <p className="panel empty">The report is written when the run evaluates its model.</p>;
  if (report.isError) return <Problem error={report.error} />;
  if (!report.data) return <div className="skeleton" style={{ height: 480 }} />;
  if (!("format" in report.data)) return <Quality report={report.data} />;
  return <Findings report={report.data} />;
}
