{{/* The name of everything that this release makes. */}}
{{- define "proffer.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What picks the pods of this release; it must never change. */}}
{{- define "proffer.instance" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "proffer.labels" -}}
{{ include "proffer.instance" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "proffer.image" -}}
{{- if .Values.image.digest -}}
{{ printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else -}}
{{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end -}}
{{- end -}}

{{- define "proffer.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "proffer.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}

{{- define "proffer.releasesClaim" -}}
{{ .Values.releases.existingClaim | default (printf "%s-releases" (include "proffer.fullname" .)) }}
{{- end -}}

{{- define "proffer.dataClaim" -}}
{{ .Values.store.sqlite.existingClaim | default (printf "%s-data" (include "proffer.fullname" .)) }}
{{- end -}}

{{/* "true" where a new pod may serve before an old one ends: no SQLite file, which one process owns, and releases on a volume
that several nodes can hold. Where several pods serve from a claim of one's own, it is such a volume. */}}
{{- define "proffer.mayOverlap" -}}
{{- if and .Values.store.urlSecret.name (or (eq .Values.releases.accessMode "ReadWriteMany") (include "proffer.isMany" .)) -}}
true
{{- end -}}
{{- end -}}

{{/* "true" where more than one pod may serve. */}}
{{- define "proffer.isMany" -}}
{{- if or (gt (int .Values.replicas) 1) (and .Values.autoscaling.enabled (gt (int .Values.autoscaling.maxReplicas) 1)) -}}
true
{{- end -}}
{{- end -}}
