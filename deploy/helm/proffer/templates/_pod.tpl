{{/* What every pod of Proffer shares: who it is, what it may do, what it sees. */}}

{{- define "proffer.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "proffer.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "proffer.environment" -}}
- name: PROFFER__RELEASES__DIR
  value: /releases
- name: PROFFER__LOG__FORMAT
  value: json
{{- if .Values.config }}
- name: PROFFER_CONFIG
  value: /etc/proffer/proffer.toml
{{- end }}
{{- if .Values.store.urlSecret.name }}
- name: PROFFER__STORE__URL_FILE
  value: /run/secrets/store/url
{{- else }}
- name: PROFFER__STORE__PATH
  value: /data/proffer.db
{{- end }}
- name: PROFFER__INDEX__KIND
  value: {{ .Values.index.kind | quote }}
{{- if eq .Values.index.kind "qdrant" }}
- name: PROFFER__INDEX__QDRANT__URLS
  value: {{ .Values.index.qdrant.urls | toJson | quote }}
{{- if .Values.index.qdrant.apiKeySecret.name }}
- name: PROFFER__INDEX__QDRANT__API_KEY_FILE
  value: /run/secrets/qdrant/api-key
{{- end }}
{{- end }}
{{- end -}}

{{- define "proffer.mounts" -}}
- name: releases
  mountPath: /releases
- name: temporary
  mountPath: /tmp
{{- if .Values.config }}
- name: config
  mountPath: /etc/proffer
  readOnly: true
{{- end }}
{{- if .Values.store.urlSecret.name }}
- name: store-url
  mountPath: /run/secrets/store
  readOnly: true
{{- else }}
- name: data
  mountPath: /data
{{- end }}
{{- if and (eq .Values.index.kind "qdrant") .Values.index.qdrant.apiKeySecret.name }}
- name: qdrant-api-key
  mountPath: /run/secrets/qdrant
  readOnly: true
{{- end }}
{{- end -}}

{{- define "proffer.volumes" -}}
- name: releases
  persistentVolumeClaim:
    claimName: {{ include "proffer.releasesClaim" . }}
- name: temporary
  emptyDir:
    sizeLimit: 256Mi
{{- if .Values.config }}
- name: config
  configMap:
    name: {{ include "proffer.fullname" . }}
{{- end }}
{{- if .Values.store.urlSecret.name }}
- name: store-url
  secret:
    secretName: {{ .Values.store.urlSecret.name }}
    defaultMode: 0440
    items:
      - key: {{ .Values.store.urlSecret.key }}
        path: url
{{- else }}
- name: data
  persistentVolumeClaim:
    claimName: {{ include "proffer.dataClaim" . }}
{{- end }}
{{- if and (eq .Values.index.kind "qdrant") .Values.index.qdrant.apiKeySecret.name }}
- name: qdrant-api-key
  secret:
    secretName: {{ .Values.index.qdrant.apiKeySecret.name }}
    defaultMode: 0440
    items:
      - key: {{ .Values.index.qdrant.apiKeySecret.key }}
        path: api-key
{{- end }}
{{- end -}}

{{/* Where pods may run. A volume that one node can hold keeps trainings and commands near the service. */}}
{{- define "proffer.nearTheService" -}}
{{- if .Values.affinity }}
affinity:
  {{- toYaml .Values.affinity | nindent 2 }}
{{- else if eq .Values.releases.accessMode "ReadWriteOnce" }}
affinity:
  podAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "proffer.instance" . | nindent 14 }}
              app.kubernetes.io/component: serve
{{- end }}
{{- end -}}

{{- define "proffer.placement" -}}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
