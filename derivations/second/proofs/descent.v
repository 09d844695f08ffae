(* A point of a convex function that no move along a coordinate improves is a minimum: in n
   dimensions, for g + sum_i h_i(x_i) with g convex and differentiable and every h_i convex.
   With h = 0 this is the smooth case. *)
Require Import Reals Lra Lia.
Open Scope R_scope.

Definition vec := nat -> R.  (* coordinates 0 .. n - 1 *)
Definition toward (x y : vec) (t : R) : vec := fun i => x i + t * (y i - x i).
Definition move (x d : vec) (t : R) : vec := fun i => x i + t * d i.
Definition axis (i : nat) : vec := fun j => if Nat.eqb j i then 1 else 0.

Fixpoint sum (n : nat) (f : nat -> R) : R :=
  match n with O => 0 | S k => sum k f + f k end.

Definition convex (g : vec -> R) : Prop :=
  forall x y t, 0 <= t <= 1 -> g (toward x y t) <= g x + t * (g y - g x).
Definition convex_line (h : R -> R) : Prop :=
  forall u v t, 0 <= t <= 1 -> h (u + t * (v - u)) <= h u + t * (h v - h u).

(* Derivatives along all directions, linear in the direction; differentiability implies it. *)
Definition differentiable (n : nat) (g : vec -> R) (x : vec) : Prop :=
  exists slope : nat -> R, forall d eps, 0 < eps -> exists delta, 0 < delta /\
  forall t, 0 < Rabs t < delta ->
  Rabs (g (move x d t) - g x - t * sum n (fun i => slope i * d i)) <= eps * Rabs t.

Definition minimal_on_axes (n : nat) (g : vec -> R) (h : nat -> R -> R) (x : vec) : Prop :=
  forall i t, (i < n)%nat -> g x + h i (x i) <= g (move x (axis i) t) + h i (x i + t).

Definition global (shape : (vec -> R) -> Prop) (smooth : nat -> (vec -> R) -> vec -> Prop) : Prop :=
  forall n g h x, shape g -> smooth n g x -> (forall i, convex_line (h i)) ->
  minimal_on_axes n g h x ->
  forall y, g x + sum n (fun i => h i (x i)) <= g y + sum n (fun i => h i (y i)).

Lemma sum_le : forall n f g, (forall i, (i < n)%nat -> f i <= g i) -> sum n f <= sum n g.
Proof.
  induction n; intros f g H; simpl; [lra|].
  assert (f n <= g n) by (apply H; lia). assert (sum n f <= sum n g) by (apply IHn; auto). lra.
Qed.
Lemma sum_minus : forall n f g, sum n (fun i => f i - g i) = sum n f - sum n g.
Proof. induction n; intros; simpl; [ring|rewrite IHn; ring]. Qed.
Lemma sum_axis : forall n i slope, (i < n)%nat -> sum n (fun j => slope j * axis i j) = slope i.
Proof.
  assert (zero : forall n i slope, (n <= i)%nat -> sum n (fun j => slope j * axis i j) = 0).
  { induction n; intros i slope H; simpl; [reflexivity|]. rewrite IHn by lia.
    unfold axis. destruct (Nat.eqb_spec n i); [lia|ring]. }
  induction n; intros i slope H; simpl; [lia|].
  destruct (Nat.eq_dec n i) as [->|other].
  - rewrite zero by lia. unfold axis. rewrite Nat.eqb_refl. ring.
  - rewrite IHn by lia. unfold axis. destruct (Nat.eqb_spec n i); [lia|ring].
Qed.

Lemma within : forall z b, Rabs z <= b -> - b <= z <= b.
Proof.
  intros z b H. assert (p := Rle_abs z). assert (q := Rle_abs (- z)). rewrite Rabs_Ropp in q. lra.
Qed.

Theorem descent_holds : global convex differentiable.
Proof.
  intros n g h x shape [slope der] hconvex best y.
  (* Each coordinate: slope_i (y_i - x_i) + h_i(y_i) - h_i(x_i) >= 0. *)
  assert (term : forall i, (i < n)%nat -> h i (x i) - h i (y i) <= slope i * (y i - x i)).
  { intros i Hi. set (c := y i - x i).
    apply Rnot_lt_le. intro bad.
    pose (eps := (h i (x i) - h i (y i) - slope i * c) / (2 * (1 + Rabs c))).
    assert (Hc := Rabs_pos c).
    assert (He : 0 < eps) by (unfold eps; apply Rdiv_lt_0_compat; lra).
    destruct (der (axis i) eps He) as (delta & Hd & close).
    rewrite sum_axis in close by assumption.
    destruct (Req_dec c 0) as [still|moved].
    { assert (y i = x i) as E by (unfold c in still; lra). rewrite E, still in bad. lra. }
    assert (Hm : 0 < Rabs c) by (apply Rabs_pos_lt; assumption).
    pose (t := Rmin 1 (delta / (2 * Rabs c))).
    assert (Ht : 0 < t).
    { unfold t. apply Rmin_pos; [lra|apply Rdiv_lt_0_compat; lra]. }
    assert (Hone : t <= 1) by apply Rmin_l.
    assert (Hsmall : t * Rabs c < delta).
    { apply Rle_lt_trans with (delta / (2 * Rabs c) * Rabs c).
      - apply Rmult_le_compat_r; [lra|apply Rmin_r].
      - replace (delta / (2 * Rabs c) * Rabs c) with (delta / 2) by (field; lra). lra. }
    assert (size : Rabs (t * c) = t * Rabs c) by (rewrite Rabs_mult, (Rabs_pos_eq t); lra).
    assert (0 < Rabs (t * c) < delta) as range.
    { rewrite size. split; [apply Rmult_lt_0_compat; lra|assumption]. }
    assert (near := close (t * c) range). rewrite size in near.
    assert (between := hconvex i (x i) (y i) t (conj (Rlt_le _ _ Ht) Hone)).
    fold c in between.
    assert (opt := best i (t * c) Hi).
    apply within in near.
    assert (gain : t * (h i (x i) - h i (y i) - slope i * c) <= eps * (t * Rabs c)) by nra.
    assert (eps * (1 + Rabs c) * 2 = h i (x i) - h i (y i) - slope i * c).
    { unfold eps. field. lra. }
    nra. }
  (* The gradient inequality of g. *)
  assert (tangent : sum n (fun i => slope i * (y i - x i)) <= g y - g x).
  { apply Rnot_lt_le. intro bad.
    set (D := sum n (fun i => slope i * (y i - x i))) in *.
    pose (eps := (D - (g y - g x)) / 2).
    assert (He : 0 < eps) by (unfold eps; lra).
    destruct (der (fun i => y i - x i) eps He) as (delta & Hd & close). fold D in close.
    pose (t := Rmin 1 (delta / 2)).
    assert (Ht : 0 < t) by (unfold t; apply Rmin_pos; lra).
    assert (Hone : t <= 1) by apply Rmin_l.
    assert (Hsmall : t <= delta / 2) by apply Rmin_r.
    assert (size : Rabs t = t) by (apply Rabs_pos_eq; lra).
    assert (near := close t ltac:(rewrite size; lra)). rewrite size in near.
    assert (below := shape x y t (conj (Rlt_le _ _ Ht) Hone)).
    change (toward x y t) with (move x (fun i => y i - x i) t) in below.
    apply within in near.
    unfold eps in near. nra. }
  assert (all := sum_le n _ _ term). rewrite sum_minus in all. lra.
Qed.

(* Without differentiability: |x_0 - x_1| - (x_0 + x_1)/4 at (0, 0). *)
Theorem descent_wrong_not_smooth : ~ global convex (fun _ _ _ => True).
Proof.
  intro claim.
  specialize (claim 2%nat (fun x => Rabs (x 0%nat - x 1%nat) - (x 0%nat + x 1%nat) / 4)
    (fun _ _ => 0) (fun _ => 0)).
  assert (bad : Rabs (0 - 0) - (0 + 0) / 4 + (0 + 0 + 0)
    <= Rabs (1 - 1) - (1 + 1) / 4 + (0 + 0 + 0)).
  { apply (fun a b c d => claim a b c d (fun _ => 1)).
    - intros x y t Ht. unfold toward.
      set (u := x 0%nat - x 1%nat). set (v := y 0%nat - y 1%nat).
      replace (x 0%nat + t * (y 0%nat - x 0%nat) - (x 1%nat + t * (y 1%nat - x 1%nat)))
        with ((1 - t) * u + t * v) by (unfold u, v; ring).
      assert (tri := Rabs_triang ((1 - t) * u) (t * v)).
      rewrite !Rabs_mult, (Rabs_pos_eq t), (Rabs_pos_eq (1 - t)) in tri by lra.
      fold u v. lra.
    - exact I.
    - intros i u v t Ht. lra.
    - intros i t Hi. unfold move, axis.
      destruct i as [|[|i]]; [| |lia]; cbn [Nat.eqb];
        unfold Rabs; repeat destruct Rcase_abs; lra. }
  replace (1 - 1) with 0 in bad by ring. replace (0 - 0) with 0 in bad by ring.
  rewrite Rabs_R0 in bad. lra.
Qed.

(* Without convexity: x_0 x_1 at (0, 0). *)
Theorem descent_wrong_not_convex : ~ global (fun _ => True) differentiable.
Proof.
  intro claim.
  specialize (claim 2%nat (fun x => x 0%nat * x 1%nat) (fun _ _ => 0) (fun _ => 0) I).
  assert (bad : 0 * 0 + (0 + 0 + 0) <= 1 * -1 + (0 + 0 + 0)).
  { apply (fun a b c => claim a b c (fun i => match i with O => 1 | _ => -1 end)).
    - exists (fun _ => 0). intros d eps He. unfold move.
      set (c := d 0%nat * d 1%nat). assert (Hc := Rabs_pos c).
      exists (eps / (1 + Rabs c)). split; [apply Rdiv_lt_0_compat; lra|].
      intros t [Ht small]. simpl.
      replace ((0 + t * d 0%nat) * (0 + t * d 1%nat) - 0 * 0
        - t * (0 + 0 * d 0%nat + 0 * d 1%nat)) with (t * c * t) by (unfold c; ring).
      rewrite !Rabs_mult. apply Rmult_le_compat_r; [apply Rabs_pos|].
      apply Rle_trans with (eps / (1 + Rabs c) * Rabs c).
      + apply Rmult_le_compat_r; lra.
      + apply Rle_trans with (eps / (1 + Rabs c) * (1 + Rabs c)).
        * apply Rmult_le_compat_l; [apply Rlt_le, Rdiv_lt_0_compat|]; lra.
        * right. field. lra.
    - intros i u v t Ht. lra.
    - intros i t Hi. unfold move, axis. destruct i as [|[|i]]; [| |lia]; cbn [Nat.eqb]; lra. }
  lra.
Qed.

(* The hypotheses can hold together: x_0^2 with h = 0, at the origin of two dimensions. *)
Theorem descent_possible : exists g h x, convex g /\ differentiable 2 g x /\
  (forall i, convex_line (h i)) /\ minimal_on_axes 2 g h x.
Proof.
  exists (fun x => x 0%nat * x 0%nat), (fun _ _ => 0), (fun _ => 0). repeat split.
  - intros x y t Ht. unfold toward. set (u := x 0%nat). set (v := y 0%nat).
    assert (0 <= t * (1 - t) * ((v - u) * (v - u))).
    { apply Rmult_le_pos; [apply Rmult_le_pos; lra|apply Rle_0_sqr]. }
    nra.
  - exists (fun _ => 0). intros d eps He. unfold move.
    set (c := d 0%nat * d 0%nat). assert (Hc := Rabs_pos c).
    exists (eps / (1 + Rabs c)). split; [apply Rdiv_lt_0_compat; lra|].
    intros t [Ht small]. simpl.
    replace ((0 + t * d 0%nat) * (0 + t * d 0%nat) - 0 * 0
      - t * (0 + 0 * d 0%nat + 0 * d 1%nat)) with (t * c * t) by (unfold c; ring).
    rewrite !Rabs_mult. apply Rmult_le_compat_r; [apply Rabs_pos|].
    apply Rle_trans with (eps / (1 + Rabs c) * (1 + Rabs c)).
    + apply Rle_trans with (eps / (1 + Rabs c) * Rabs c).
      * apply Rmult_le_compat_r; lra.
      * apply Rmult_le_compat_l; [apply Rlt_le, Rdiv_lt_0_compat|]; lra.
    + right. field. lra.
  - intros i u v t Ht. lra.
  - intros i t Hi. unfold move, axis. destruct i as [|[|i]]; [| |lia]; cbn [Nat.eqb]; nra.
Qed.
